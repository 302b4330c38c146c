// Comforts. Without them the page is whole: all is read, nothing is loaded.
(() => {
  const all = (what) => Array.from(document.querySelectorAll(what));
  const nav = document.querySelector("#contents"), contents = nav.querySelector("details");

  // A box that scrolls sideways is a stop of the keyboard; one that does not, is none.
  const boxes = all(".scroll, .eqbody, pre, figure:not(.table)");
  const measure = () => boxes.forEach((box) => {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    box.classList.toggle("scrolls", scrolls);
    if (scrolls) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  });
  new ResizeObserver(measure).observe(document.body);
  document.addEventListener("toggle", measure, true);

  // Contents: a sidebar where there is room, a bar that opens where there is none.
  const wide = matchMedia("(min-width: 72rem)");
  const place = () => { contents.open = wide.matches; };
  wide.addEventListener("change", place);
  place();
  nav.addEventListener("click", (event) => {
    if (event.target.closest("a") && !wide.matches) contents.open = false;
  });

  // A link to what is folded unfolds it.
  const named = (hash) => {
    try { return decodeURIComponent(hash.slice(1)); } catch { return ""; }  // "#%" is no address
  };
  const unfold = () => {
    const target = document.getElementById(named(location.hash));
    const fold = target && target.closest("details.claim");
    if (fold) fold.open = true;
  };
  addEventListener("hashchange", unfold);
  unfold();

  // The section that is being read.
  const links = new Map(all("#contents a[href^='#']").map((a) => [named(a.hash), a]));
  const sections = all("main section[id]").filter((section) => links.has(section.id));
  const here = nav.querySelector(".here");
  let current = null;
  const follow = () => {
    const passed = sections.filter((section) => section.checkVisibility() && section.getBoundingClientRect().top < 100);
    const link = passed.length ? links.get(passed[passed.length - 1].id) : null;
    if (link === current) return;
    if (current) current.removeAttribute("aria-current");
    current = link;
    here.textContent = link ? link.textContent : "";
    if (!link) return;
    link.setAttribute("aria-current", "true");
    if (wide.matches) nav.scrollTop = link.offsetTop - nav.clientHeight / 2;
  };
  document.addEventListener("scroll", () => requestAnimationFrame(follow), { passive: true });
  follow();

  // Figures open large.
  const dialog = document.createElement("dialog");
  dialog.innerHTML = '<form method="dialog"><button>Close</button></form><div class="sheet" tabindex="0"></div>';
  const sheet = dialog.querySelector(".sheet");
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.body.append(dialog);
  all("figure img:not(.strip)").forEach((image) => {
    const name = image.closest("figure").querySelector("figcaption strong");
    const button = document.createElement("button");
    button.className = "enlarge";
    button.textContent = "Enlarge";
    button.setAttribute("aria-label", "Enlarge " + (name ? name.textContent.replace(".", "") : "figure"));
    const open = () => {
      const large = image.cloneNode();
      large.removeAttribute("style");
      sheet.replaceChildren(large);
      dialog.setAttribute("aria-label", name ? name.textContent : "Figure");
      sheet.setAttribute("aria-label", "Figure, enlarged");
      sheet.setAttribute("role", "group");
      dialog.showModal();
    };
    button.addEventListener("click", open);
    image.addEventListener("click", open);
    image.after(button);
  });

  // A box beside what it is about.
  const open = (box, about) => {
    box.showPopover();
    const at = about.getBoundingClientRect(), room = document.documentElement;
    const above = at.bottom + box.offsetHeight + 8 > room.clientHeight;
    box.style.left = Math.max(8, Math.min(at.left, room.clientWidth - box.offsetWidth - 8)) + "px";
    box.style.top = Math.max(8, above ? at.top - box.offsetHeight - 6 : at.bottom + 6) + "px";
  };

  // What a link within the page leads to, shown in place: a citation, an equation, a figure, a claim, a section.
  const peek = document.createElement("div");
  peek.className = "source peek";
  peek.setAttribute("popover", "manual");
  peek.setAttribute("aria-hidden", "true");  // who does not see it follows the link
  document.body.append(peek);
  let waiting = 0;
  const hide = () => { if (peek.matches(":popover-open")) peek.hidePopover(); };
  const close = () => { clearTimeout(waiting); hide(); };
  const look = (link) => {
    const target = document.getElementById(named(link.hash));
    if (!target) return;
    const section = target.tagName === "SECTION";
    const parts = section ? [target.firstElementChild, target.querySelector("p")] : [target];
    peek.replaceChildren(...parts.filter(Boolean).map((part) => part.cloneNode(true)));
    peek.querySelectorAll("[id]").forEach((one) => one.removeAttribute("id"));
    peek.querySelectorAll(".enlarge, .cited").forEach((one) => one.remove());
    peek.querySelectorAll("a, button, [tabindex]").forEach((one) => one.setAttribute("tabindex", "-1"));
    peek.querySelectorAll("details").forEach((one) => { one.open = true; });
    open(peek, link);
  };
  all("#text a[href^='#'], header a[href^='#']").filter((a) => !a.matches(".cited")).forEach((link) => {
    const soon = () => { close(); waiting = setTimeout(() => look(link), 250); };
    link.addEventListener("mouseenter", soon);
    link.addEventListener("focus", soon);
    link.addEventListener("mouseleave", close);
    link.addEventListener("blur", close);
    link.addEventListener("click", close);
  });
  addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  document.addEventListener("scroll", hide, { passive: true });  // a link that moves away says so itself

  // The page to play with opens in place of its picture; other clicks, as for a new tab, follow the link.
  all(".play > a, .play > p a").forEach((link) => link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const frame = document.createElement("iframe");
    Object.assign(frame, { src: link.href, title: "Paint a few pixels", allow: "clipboard-write" });
    document.querySelector(".play > a, .play > iframe").replaceWith(frame);
    frame.focus();
  }));

  // A number says where, as the list at the end does: by a click; by keyboard where it is asked for.
  const numbers = all(".n"), source = document.createElement("div"), shows = document.createElement("button");
  const tell = (number) => {
    const item = document.getElementById("n" + number.dataset.s).closest("li").cloneNode(true);
    item.querySelector("[id]").removeAttribute("id");
    source.replaceChildren(...item.childNodes);
    open(source, number);
  };
  const show = (on) => {
    shows.setAttribute("aria-pressed", on);
    try { sessionStorage.setItem("numbers", on); } catch { /* a page without storage forgets */ }
    for (const number of numbers.filter((one) => !one.closest("summary"))) {  // in a button there is no button
      if (on) number.setAttribute("tabindex", "0");
      else number.removeAttribute("tabindex");
      if (on) number.setAttribute("role", "button");
      else number.removeAttribute("role");
      if (on && number.querySelector("math")) number.setAttribute("aria-label", number.textContent.trim());
      else number.removeAttribute("aria-label");
    }
  };
  if (numbers.length) {
    source.className = "source";
    source.setAttribute("popover", "auto");
    source.setAttribute("aria-live", "polite");
    shows.className = "shows";
    shows.textContent = "Reach numbers with the Tab key";
    shows.addEventListener("click", () => show(shows.getAttribute("aria-pressed") !== "true"));
    try { show(sessionStorage.getItem("numbers") === "true"); } catch { show(false); }  // back from a source
    const hint = document.createElement("p");
    hint.append("Click a number to see where it comes from. ", shows);
    document.getElementById("sec:sources").querySelector("details").before(hint);
    document.body.append(source);
    document.addEventListener("click", (event) => {
      const number = event.target.closest(".n");
      if (!number || event.target.closest("a")) return;
      event.preventDefault();
      tell(number);
    });
    let about = null;  // the number whose box the keyboard is in
    document.addEventListener("keydown", (event) => {
      const opens = event.key === "Enter" || event.key === " ", tab = event.key === "Tab" && !event.shiftKey;
      if (event.target.matches(".n") && (opens || (tab && source.matches(":popover-open")))) {
        const link = source.querySelector("a");
        event.preventDefault();
        about = event.target;
        if (opens) tell(about);
        else if (link) link.focus();
      } else if (about && source.contains(event.target) && event.key === "Tab") {
        const links = Array.from(source.querySelectorAll("a")), last = event.shiftKey ? links[0] : links[links.length - 1];
        if (event.target !== last) return;
        event.preventDefault();  // out of the box is back at the number
        about.focus();
      } else if (about && source.contains(event.target) && event.key === "Escape") about.focus();
    });
  }

  // Paper shows what is folded.
  addEventListener("beforeprint", () => all("main details").forEach((one) => { one.open = true; }));
})();
