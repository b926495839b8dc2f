// A data channel without libp2p, to compare with: one page offers, another answers, the test carries the descriptions.
const HIGH_WATER = 256 * 1024;
const LOW_WATER = 64 * 1024;
const MESSAGE = 16 * 1024;

export class Raw {
  #connection = new RTCPeerConnection();
  #channel;

  async offer() {
    this.#use(this.#connection.createDataChannel("raw"));
    return this.#described(await this.#connection.createOffer());
  }

  async answer(offer) {
    this.#connection.ondatachannel = ({ channel }) => this.#use(channel);
    await this.#connection.setRemoteDescription(offer);
    return this.#described(await this.#connection.createAnswer());
  }

  async accept(answer) {
    await this.#connection.setRemoteDescription(answer);
    if (this.#channel.readyState !== "open") await new Promise((resolve) => (this.#channel.onopen = resolve));
  }

  /** Sends `total` bytes and waits until the other side says that they are there. */
  async send(total) {
    const channel = this.#channel;
    const message = new Uint8Array(MESSAGE);
    const confirmed = new Promise((resolve) => (channel.onmessage = resolve));
    channel.send(String(total));
    for (let sent = 0; sent < total; sent += MESSAGE) {
      channel.send(message.subarray(0, Math.min(MESSAGE, total - sent)));
      if (channel.bufferedAmount >= HIGH_WATER) await new Promise((resolve) => (channel.onbufferedamountlow = resolve));
    }
    await confirmed;
  }

  #use(channel) {
    this.#channel = channel;
    channel.binaryType = "arraybuffer";
    channel.bufferedAmountLowThreshold = LOW_WATER;
    let missing = 0;
    channel.onmessage = ({ data }) => {
      if (typeof data === "string") missing = Number(data);
      else missing -= data.byteLength;
      if (missing === 0) channel.send("there");
    };
  }

  /** Our description with all its candidates. */
  async #described(description) {
    const gathered = new Promise((resolve) => {
      this.#connection.onicecandidate = ({ candidate }) => candidate ?? resolve();
    });
    await this.#connection.setLocalDescription(description);
    await gathered;
    return this.#connection.localDescription.toJSON();
  }
}
