// A list whose visible part alone is in the page, so that ten thousand rows cost as much as thirty.
// Rows have one height and identify their item by key. The row with the focus keeps its node while
// others change.

const SPARE = 8;

export class VirtualList {
  #nodes = new Map();
  #pool = [];
  #frame = 0;
  #count = 0;
  #height = 0;
  #observer;

  /**
   * @param scroller the element that scrolls
   * @param body the element within it that contains the rows
   * @param options `create()` makes a row's node; `fill(node, index)` shows an item in it;
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

  /**
   * Shows this many items.
   * @param above the number of new ones on top: the visible rows keep their position
   */
  update(count, above = 0) {
    const { scroller } = this;
    this.#count = count;
    this.body.style.height = `${count * this.rowHeight}px`;
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
    const top = index * this.rowHeight + this.body.offsetTop;
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
    const first = Math.max(0, Math.floor(top / height) - SPARE);
    const last = Math.min(this.#count, Math.ceil((top + clientHeight) / height) + SPARE);
    const wanted = new Map();
    for (let index = first; index < last; index += 1) wanted.set(this.key(index), index);
    for (const [key, node] of this.#nodes) {
      if (wanted.has(key) || node.contains(document.activeElement)) continue;
      this.#nodes.delete(key);
      this.#pool.push(node);
    }
    let previous = null;
    for (const [key, index] of wanted) {
      let node = this.#nodes.get(key);
      if (!node) {
        node = this.#pool.pop() ?? this.create();
        this.#nodes.set(key, node);
      }
      this.fill(node, index);
      const y = `translateY(${index * height}px)`;
      if (node.style.transform !== y) node.style.transform = y;
      // Screen readers follow the order of the document.
      const place = previous ? previous.nextSibling : this.body.firstChild;
      if (node !== place) this.body.insertBefore(node, place);
      previous = node;
    }
    for (const node of this.#pool) node.remove();
    this.#pool.length = Math.min(this.#pool.length, 40);
    this.seen(last, scrollTop);
  }
}
