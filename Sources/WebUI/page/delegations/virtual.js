// A list whose visible part alone is in the page, so that ten thousand rows cost as much as thirty.
// Rows have one height, headings another, and both identify their item by key. The row with the focus
// keeps its node while others change.

const SPARE = 8;

export class VirtualList {
  #nodes = new Map();
  #pools = { row: [], head: [] };
  #frame = 0;
  #count = 0;
  #height = 0;
  #headHeight = 0;
  /** The indexes of headings, in order. */
  #heads = [];
  #observer;

  /**
   * @param scroller the element that scrolls
   * @param body the element within it that contains the rows
   * @param options `create(kind)` makes a node for a `row` or a `head`; `fill(node, index)` shows an item in it;
   *   `key(index)` identifies the item; `seen(end, top)` gets the number of items drawn or passed, and
   *   the scroll position
   */
  constructor(scroller, body, { create, fill, key, seen = () => {} }) {
    this.scroller = scroller;
    this.body = body;
    this.create = create;
    this.fill = fill;
    this.key = key;
    this.seen = seen;
    scroller.addEventListener("scroll", () => this.refresh(), { passive: true });
    this.#observer = new ResizeObserver(() => {
      this.#height = 0;
      this.#headHeight = 0;
      this.body.style.height = `${this.#top(this.#count)}px`;
      this.refresh();
    });
    this.#observer.observe(scroller);
  }

  close() {
    this.#observer.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  /** A row's height in pixels, from the style sheet's `--row`. */
  get rowHeight() {
    if (this.#height === 0) {
      const height = parseFloat(getComputedStyle(this.body).getPropertyValue("--row"));
      this.#height = height > 0 ? height : 40;
    }
    return this.#height;
  }

  get headHeight() {
    if (this.#headHeight === 0) {
      const height = parseFloat(getComputedStyle(this.body).getPropertyValue("--head"));
      this.#headHeight = height > 0 ? height : this.rowHeight;
    }
    return this.#headHeight;
  }

  /** The position of an item in pixels. */
  #top(index) {
    let heads = 0;
    while (heads < this.#heads.length && this.#heads[heads] < index) heads += 1;
    return index * this.rowHeight - heads * (this.rowHeight - this.headHeight);
  }

  /**
   * Shows this many items.
   * @param above the number of new ones on top: the visible rows keep their position
   * @param heads the indexes of headings, in order
   */
  update(count, above = 0, heads = []) {
    const { scroller } = this;
    this.#count = count;
    this.#heads = heads;
    this.body.style.height = `${this.#top(count)}px`;
    if (above > 0 && scroller.scrollTop > 0) scroller.scrollTop += above * this.rowHeight;
    // The first rows are drawn in the next frame, without a further delay.
    if (this.#nodes.size === 0) this.#draw();
    else this.refresh();
  }

  /** Draws again in the next frame. */
  refresh() {
    if (this.#frame) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      this.#draw();
    });
  }

  scrollTo(index) {
    const top = this.#top(index) + this.body.offsetTop;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop + this.body.offsetTop) this.scroller.scrollTop = top - this.body.offsetTop;
    else if (top + this.rowHeight > scrollTop + clientHeight) {
      this.scroller.scrollTop = top + this.rowHeight - clientHeight;
    }
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#draw();
  }

  /** The node of an item; undefined if it is not visible. */
  node(index) {
    return this.#nodes.get(this.key(index));
  }

  #draw() {
    const height = this.rowHeight;
    const { scrollTop, clientHeight } = this.scroller;
    const top = scrollTop - this.body.offsetTop;
    // Headings are lower than rows, so more items may fit.
    const first = Math.max(0, Math.floor(top / height) - SPARE);
    const last = Math.min(this.#count, Math.ceil((top + clientHeight) / height) + SPARE + this.#heads.length);
    const heads = new Set(this.#heads);
    const wanted = new Map();
    for (let index = first; index < last; index += 1) wanted.set(this.key(index), index);
    for (const [key, node] of this.#nodes) {
      if (wanted.has(key) || node.contains(document.activeElement)) continue;
      this.#nodes.delete(key);
      this.#pools[node.kind].push(node);
    }
    let previous = null;
    for (const [key, index] of wanted) {
      let node = this.#nodes.get(key);
      if (!node) {
        const kind = heads.has(index) ? "head" : "row";
        node = this.#pools[kind].pop() ?? this.create(kind);
        node.kind = kind;
        this.#nodes.set(key, node);
      }
      this.fill(node, index);
      const y = `translateY(${this.#top(index)}px)`;
      if (node.style.transform !== y) node.style.transform = y;
      // Screen readers follow the order of the document.
      const place = previous ? previous.nextSibling : this.body.firstChild;
      if (node !== place) this.body.insertBefore(node, place);
      previous = node;
    }
    for (const pool of Object.values(this.#pools)) {
      for (const node of pool) node.remove();
      pool.length = Math.min(pool.length, 40);
    }
    this.seen(last, scrollTop);
  }
}
