// The style of all pages.

enum PageStyle {
  static let text = """

    :root { --back: #fff; --text: #1f2328; --dim: #59636e; --line: #d1d9e0; --box: #f6f8fa;
      --link: #0969da; --add: #e6ffec; --del: #ffebe9; --hunk: #ddf4ff; --field: #fff;
      --plus: #1a7f37; --minus: #cf222e; --wait: #9a6700;
      --open: #1a7f37; --closed: #cf222e; --merged: #8250df; --draft: #59636e; }
    @media (prefers-color-scheme: dark) {
      :root { --back: #0d1117; --text: #e6edf3; --dim: #9198a1; --line: #3d444d; --box: #151b23;
        --link: #4493f8; --add: #12261e; --del: #25171c; --hunk: #121d2f; --field: #010409;
        --plus: #3fb950; --minus: #f85149; --wait: #d29922;
        --open: #238636; --closed: #da3633; --merged: #8957e5; --draft: #656c76; }
    }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--back); color: var(--text);
      font: 15px/1.5 system-ui, sans-serif; }
    main { max-width: 64rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
    a { color: var(--link); text-decoration: none; }
    a:hover { text-decoration: underline; }
    h1 { font-size: 1.7rem; font-weight: 500; margin: .3rem 0 .6rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
    .dim { color: var(--dim); }
    code, pre, .diff { font: 12.5px/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
    .ref { background: var(--hunk); border-radius: 6px; padding: .1rem .4rem;
      overflow-wrap: anywhere; }
    .state { color: #fff; border-radius: 2rem; padding: .25rem .8rem; font-weight: 600;
      margin-right: .5rem; display: inline-block; }
    .open { background: var(--open); } .closed { background: var(--closed); }
    .merged { background: var(--merged); } .draft { background: var(--draft); }
    .label { border: 1px solid var(--line); border-radius: 2rem; padding: .05rem .6rem;
      font-size: .85rem; }
    .box, details.file { border: 1px solid var(--line); border-radius: 6px; margin: .6rem 0;
      overflow: hidden; }
    .box > header, details.file > summary { background: var(--box); padding: .5rem .8rem; }
    .box > header { border-bottom: 1px solid var(--line); }
    .box > header:last-child { border-bottom: 0; }
    summary { cursor: pointer; overflow-wrap: anywhere; }
    .text { margin: 0; padding: .8rem; white-space: pre-wrap; overflow-wrap: anywhere;
      font: inherit; }
    ul.list { list-style: none; margin: .6rem 0; padding: 0; border: 1px solid var(--line);
      border-radius: 6px; }
    ul.list > li { padding: .6rem .8rem; border-top: 1px solid var(--line);
      overflow-wrap: anywhere; }
    ul.list > li:first-child { border-top: 0; }
    ul.list .text { padding: .3rem 0 0; font-size: .9rem; color: var(--dim); }
    ul.places { margin: 0; padding: .6rem .8rem .6rem 2rem; }
    .box > .text + ul.places { padding-top: 0; }
    .right { float: right; margin-left: 1rem; }
    .plus { color: var(--plus); } .minus { color: var(--minus); } .wait { color: var(--wait); }
    .mark { display: inline-block; width: 1.3em; font-weight: 600; }

    table.diff { border-collapse: collapse; width: 100%; border-top: 1px solid var(--line);
      table-layout: fixed; }
    table.diff td { padding: 0 .6rem; vertical-align: top; white-space: pre-wrap;
      overflow-wrap: anywhere; }
    table.diff td.n { width: 3.6rem; text-align: right; color: var(--dim); white-space: nowrap;
      overflow: hidden; user-select: none; }
    td.n a { display: block; margin: 0 -.6rem; padding: 0 .6rem; color: inherit; }
    td.n a:hover, td.n a:focus-visible { background: var(--link); color: #fff;
      text-decoration: none; }
    tr.add { background: var(--add); } tr.del { background: var(--del); }
    tr.hunk { background: var(--hunk); color: var(--dim); }
    table.diff td.talk { padding: .2rem .8rem; background: var(--back); white-space: normal;
      border: solid var(--line); border-width: 1px 0; font: 15px/1.5 system-ui, sans-serif; }
    .talk .box { max-width: 46rem; }
    .thread > section + section { border-top: 1px solid var(--line); }
    .thread > section > header { padding: .5rem .8rem 0; background: none; border: 0; }
    .thread > section > .text { padding-top: .2rem; }
    .thread > details, .thread > form { border-top: 1px solid var(--line); padding: .5rem .8rem; }
    pre.hunk { margin: 0; padding: .4rem .8rem; white-space: pre-wrap; overflow-wrap: anywhere;
      background: var(--box); border-bottom: 1px solid var(--line); }
    pre.log { margin: 0; padding: .8rem; white-space: pre-wrap; overflow-wrap: anywhere; }
    :target { scroll-margin-top: 1rem; }
    .box:target, section:target { outline: 2px solid var(--link); outline-offset: -2px; }

    form { margin: 0; }
    textarea { display: block; width: 100%; min-height: 6rem; margin: .4rem 0 .6rem;
      padding: .5rem .6rem; font: inherit; color: inherit; background: var(--field);
      border: 1px solid var(--line); border-radius: 6px; resize: vertical; }
    button { font: inherit; font-weight: 500; padding: .3rem .9rem; border-radius: 6px;
      border: 1px solid var(--line); background: var(--box); color: inherit; cursor: pointer;
      margin: 0 .4rem .3rem 0; }
    button:hover { border-color: var(--dim); }
    button.main { background: var(--open); border-color: var(--open); color: #fff; }
    button:focus-visible, textarea:focus-visible, a:focus-visible, summary:focus-visible,
      input:focus-visible { outline: 2px solid var(--link); outline-offset: 1px; }
    fieldset { border: 0; margin: 0 0 .6rem; padding: 0; }
    fieldset label { display: block; padding: .15rem 0; }
    .pad { padding: .6rem .8rem; }
    .box.pad > p { margin: 0 0 .6rem; }
    .row { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .6rem; }

    @media (max-width: 40rem) {
      main { padding: 1rem .7rem 3rem; }
      h1 { font-size: 1.35rem; }
      table.diff td.n { width: 2.4rem; padding: 0 .3rem; }
      td.n a { margin: 0 -.3rem; padding: 0 .3rem; }
      table.diff td { padding: 0 .35rem; }
      table.diff td.talk { padding: .2rem .4rem; }
      .right { float: none; display: block; margin: 0; }
    }

    """
}
