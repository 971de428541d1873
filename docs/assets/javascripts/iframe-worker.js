// Pages opened from disk may not start a Worker, which the theme's search needs. There, this one stands in: it runs
// the worker's script in a hidden frame. The theme looks for the name IFrameWorker to know that it does.
if (location.protocol === "file:") {
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.srcdoc = "<!doctype html><title>搜索</title><body></body>";
      this.inner = new Promise((resolve) => {
        frame.addEventListener("load", async () => {
          const inner = frame.contentWindow;
          const load = (src) =>
            new Promise((loaded, failed) => {
              const script = inner.document.createElement("script");
              Object.assign(script, { src, onload: loaded, onerror: failed });
              inner.document.body.append(script);
            });
          const own = new URL(url, document.baseURI).href;
          inner.importScripts = (...urls) =>
            urls.reduce((before, next) => before.then(() => load(new URL(next, own).href)), Promise.resolve());
          inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
          await load(own);
          resolve(inner);
        });
      });
      document.body.append(frame);
    }

    async postMessage(data) {
      const inner = await this.inner;
      inner.dispatchEvent(new inner.MessageEvent("message", { data }));
    }

    terminate() {}
  };
}
