// The avatar wears the face before the camera: asked for here, with consent, and taken off again.

export class Wearer {
  /** button and form; ask(path, body): the engine's answer. */
  constructor(button, form, ask) {
    this.button = button;
    this.form = form;
    this.ask = ask;
    this.on = false;
    button.onclick = () => this.open(form.hidden);
    form.onsubmit = (event) => {
      event.preventDefault();
      this.send(this.on ? { wear: false } : { wear: true, consent: form.elements.consent.checked });
    };
    form.elements.save.onclick = () => this.send({ save: form.elements.name.value });
    form.onkeydown = (event) => {
      event.stopPropagation(); // letters are a name here, not keys of the page
      if (event.key === "Escape") this.open(false);
    };
    this.told(null);
  }

  /** worn: {on, saved} of the engine, or null where there is nothing to be worn. */
  told(worn) {
    this.button.hidden = !worn;
    if (!worn) this.open(false);
    this.on = Boolean(worn?.on);
    this.button.setAttribute("aria-pressed", String(this.on));
    const { consent, name, save, wear } = this.form.elements;
    consent.parentElement.hidden = this.on;
    name.hidden = save.hidden = !this.on || Boolean(worn.saved);
    wear.textContent = this.on ? "Forget my face" : "Wear";
    if (worn?.saved) this.say(`Saved as ${worn.saved}: --avatar ${worn.saved} wears it`);
  }

  say(words) {
    const line = this.form.querySelector("[role=alert]");
    if (line.textContent !== words) line.textContent = words;
  }

  open(on) {
    this.form.hidden = !on;
    if (on) (this.on ? this.form.elements.wear : this.form.elements.consent).focus();
  }

  async send(body) {
    this.say("A moment");
    try {
      const worn = await this.ask("/wear", body);
      this.say("");
      this.told(worn);
      if (!("save" in body)) {
        this.form.reset();
        this.open(false);
      }
    } catch (error) {
      this.say(error.message);
    }
  }
}
