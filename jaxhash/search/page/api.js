// Speaks with the server: the token, patience when it is busy, and failures in words.

const RETRIES = 3;
const FIELD = "jaxhash-token";
const HEADER = "x-jaxhash-token"; // a proxy with a password uses the header authorization
const PROXY = { 413: "The file is too large for the proxy in front of the server." }; // no JSON

export class Failure extends Error {
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

// Calls a route; returns the response, or throws a Failure whose message is for people.
export async function call(path, options = {}, tries = RETRIES) {
  const token = sessionStorage.getItem(FIELD);
  const headers = token ? { [HEADER]: token } : {};
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The server does not answer. Is it still running?");
  }
  if (response.ok) return response;
  if (response.status === 429 && tries > 0) {
    const seconds = Number(response.headers.get("retry-after")) || 1;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    return call(path, options, tries - 1);
  }
  if (response.status === 401) {
    await login(token !== null);
    return call(path, options, tries);
  }
  const answer = await response.json().catch(() => ({}));
  throw new Failure(answer.detail ?? PROXY[response.status] ?? `The server answered ${response.status}.`, response.status);
}

// Shows a picture that the server has; an <img> cannot send a token itself.
export async function show(img, path) {
  if (!sessionStorage.getItem(FIELD)) {
    img.src = path;
    return;
  }
  try {
    const url = URL.createObjectURL(await (await call(path)).blob());
    img.onload = () => URL.revokeObjectURL(url);
    img.src = url;
  } catch {
    img.dispatchEvent(new Event("error"));
  }
}

const LOGIN = `
  <form method="dialog">
    <h2 id="logintitle">This search is private</h2>
    <input type="text" name="username" autocomplete="username" value="search" hidden>
    <label>Token <input id="token" type="password" autocomplete="current-password" required></label>
    <p id="loginerror" role="alert"></p>
    <button>Continue</button>
  </form>
`;

let asking = null;

// Asks for the token, once however many calls need it.
function login(refused) {
  asking ??= new Promise((resolve) => {
    const dialog = Object.assign(document.createElement("dialog"), { id: "login" });
    dialog.setAttribute("aria-labelledby", "logintitle");
    dialog.innerHTML = LOGIN;
    document.body.append(dialog);
    const input = dialog.querySelector("#token");
    dialog.querySelector("#loginerror").textContent = refused ? "That was not the token." : "";
    dialog.addEventListener(
      "close",
      () => {
        sessionStorage.setItem(FIELD, input.value);
        dialog.remove();
        asking = null;
        resolve();
      },
      { once: true },
    );
    dialog.addEventListener("cancel", (event) => event.preventDefault());
    dialog.showModal();
  });
  return asking;
}
