// The head that is imagined for the voice: held, kept, begun anew. POST /persona.

export class Persona {
  /** Buttons lock, save, again; ask(path, body): the engine's answer; say(words): one line. */
  constructor(buttons, ask, say) {
    this.buttons = buttons;
    this.ask = ask;
    this.say = say;
    this.locked = false;
    buttons.lock.onclick = () => this.tell(this.locked ? "unlock" : "lock");
    buttons.save.onclick = () => this.tell("save");
    buttons.again.onclick = () => this.tell("again");
  }

  /** What the session says of its persona; undefined where it has none. */
  show(persona) {
    for (const button of Object.values(this.buttons)) button.hidden = !persona;
    if (!persona) return;
    this.locked = persona.locked;
    this.buttons.lock.setAttribute("aria-pressed", String(persona.locked));
    this.buttons.lock.title = `${persona.locked ? "Let it change again" : "Hold this head"} (L)`;
    this.buttons.save.disabled = !persona.enough;
  }

  async tell(what) {
    try {
      const answer = await this.ask("/persona", { do: what });
      if (answer.file) this.say(`Kept: ./run live --avatar ${answer.file}`);
      else this.show(answer);
    } catch (error) {
      this.say(error.message);
    }
  }
}
