"""`python -m jaxhash` is `python -m jaxhash.main`."""

from jaxhash import main

if __name__ == "__main__":
    main.run()
