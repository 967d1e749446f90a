// Whoever is before the session's camera agrees to be known: POST /enroll.

export class Enroller {
  /** button and form; ask(path, body): the engine's answer. */
  constructor(button, form, ask) {
    this.button = button;
    this.form = form;
    button.onclick = () => this.show(form.hidden);
    form.onsubmit = (event) => {
      event.preventDefault();
      this.send(ask);
    };
    form.onkeydown = (event) => {
      event.stopPropagation(); // letters are a name here, not keys of the page
      if (event.key === "Escape") this.show(false);
    };
  }

  /** Whether this session enrolls anybody. */
  offer(on) {
    this.button.hidden = !on;
    if (!on) this.show(false);
  }

  show(open) {
    this.form.hidden = !open;
    this.button.setAttribute("aria-pressed", String(open));
    if (open) this.form.elements.name.focus();
  }

  async send(ask) {
    const words = this.form.querySelector("[role=alert]");
    const { name, purpose, expires, consent } = this.form.elements;
    words.textContent = "";
    const body = { name: name.value, purpose: purpose.value, expires: expires.value, consent: consent.checked };
    try {
      await ask("/enroll", body);
    } catch (error) {
      words.textContent = error.message;
      return;
    }
    this.form.reset();
    this.show(false);
  }
}
