// The sign-in by a token. On the server's own origin the token becomes a session, whose cookie no
// script can read. A page on another origin keeps the token in memory until it is closed.

import { Problem, isOwnOrigin, json, keepToken, request } from "../shared/api.js";
import { h, setText } from "../shared/dom.js";

/** @param {() => void} signedIn called when the server has accepted the token */
export function open({ signedIn }) {
  return new SignInPage(signedIn);
}

class SignInPage {
  title = "Sign in";

  #input = h("input", {
    id: "token", type: "password", name: "token", autocomplete: "current-password", required: true,
    spellcheck: "false", "aria-describedby": "token-line", "data-first": "",
  });
  #line = h("p.field-line", { id: "token-line", role: "alert" });
  #button = h("button.primary", { type: "submit", text: "Sign in" });
  #provider = h("p", { hidden: true },
    h("a.button", { href: "sign-in/openid", text: "Sign in with your company's account" }));

  constructor(signedIn) {
    this.node = h("section.page.narrow", {},
      h("div.page-head", {}, h("h1", { tabindex: -1, text: "Sign in" }),
        h("p.muted", { text: "This server answers people and programs that it knows." })),
      this.#provider,
      h("form.delegate", { onsubmit: (event) => this.#send(event, signedIn) },
        h("div.field", {}, h("label", { for: "token", text: "Token" }), this.#input, this.#line),
        h("div.actions.start", {}, this.#button),
        h("p.muted", {}, "An administrator makes one on the server: ",
          h("code", { text: "aipm token create NAME --role submit" }))));
    if (isOwnOrigin) this.#offerProvider();
  }

  close() {}

  /** Offers the sign-in with a provider of OpenID Connect if the server has one. */
  async #offerProvider() {
    try {
      if ((await json("api/sign-in")).openid) this.#provider.hidden = false;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
    }
  }

  async #send(event, signedIn) {
    event.preventDefault();
    const token = this.#input.value.trim();
    if (token === "") return this.#fail("Enter your token.");
    this.#button.setAttribute("aria-disabled", "true");
    try {
      if (isOwnOrigin) {
        await request("api/session", { method: "POST", body: JSON.stringify({ token }) });
      } else {
        keepToken(token);
        await request("api/me");
      }
      signedIn();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      keepToken(null);
      this.#fail(error.message);
    } finally {
      this.#button.removeAttribute("aria-disabled");
    }
  }

  #fail(text) {
    this.#line.dataset.fault = "";
    setText(this.#line, text);
    this.#input.setAttribute("aria-invalid", "true");
    this.#input.focus();
  }
}
