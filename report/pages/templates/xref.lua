-- Cross-references for HTML and Typst: sections, figures, tables, display equations, algorithms.
-- Labels: {#sec:x} {#fig:x} {#tbl:x} {#eq:x} {#alg:x}; references: @fig:x, [@eq:a; @eq:b].
local names = { sec = {"Section", "Sections"}, fig = {"Figure", "Figures"}, tbl = {"Table", "Tables"},
                eq = {"Equation", "Equations"}, alg = {"Algorithm", "Algorithms"} }
local appendix = { "Appendix", "Appendices" }   -- sections with letters
local typst = FORMAT:match "typst" ~= nil
local count, number, absent = {}, {}, {}   -- absent: identifiers of what is on the HTML page alone
local function raw(s) return pandoc.RawInline(typst and "typst" or "html", s) end
local function kind(id) local k = id:match "^(%a+):" ; k = k and k:lower() ; return names[k] and k or nil end
local function bump(k, id)
  local series = absent[id] and "S" or ""   -- S1, S2, ... in both formats
  count[k .. series] = (count[k .. series] or 0) + 1
  if id ~= "" then
    if number[id] then error("xref: label defined twice: " .. id, 0) end
    number[id] = series .. count[k .. series]
  end
  return series .. count[k .. series]
end

-- 0. TeX maths that pandoc 3.9 turns into wrong Typst (left and right bars, thin spaces) ------------
local function mathfix(m)
  if not typst then return nil end
  m.text = m.text:gsub("\\left\\|", "\\lVert "):gsub("\\right\\|", "\\rVert "):gsub("\\!", ""):gsub("\\;", "\\:")
  return m
end

-- 1. numbers ---------------------------------------------------------------
-- Sections of class appendix have letters, A and on; a supplement, which is on the HTML page alone, has S.
local function letters(doc)
  local top, letter, appendices, within = math.huge, nil, 0, 0
  doc:walk { Header = function(h) top = math.min(top, h.level) end }
  doc.blocks = doc.blocks:walk { Header = function(h)
    if h.level == top then
      local first = h.classes:includes "appendix" and appendices == 0
      if h.classes:includes "appendix" then appendices = appendices + 1 end
      letter = h.classes:includes "appendix" and string.char(64 + appendices) or h.classes:includes "supplement" and "S"
      within, h.attributes.number = 0, letter or nil
      if first and typst then
        return { pandoc.RawBlock("typst", '#counter(heading).update(0)\n#set heading(numbering: "A.1")'), h }
      end
    elseif letter and h.level == top + 1 then
      within = within + 1
      h.attributes.number = letter .. "." .. within
    end
    return h
  end }
end
local function sections(doc)
  letters(doc)
  -- Sections of the HTML page alone come last, so that the others have one number in both formats.
  pandoc.structure.make_sections(doc.blocks, { number_sections = true }):walk {
    Div = function(d)
      local n = d.attributes.number
      if n and d.identifier ~= "" then number[d.identifier] = n end
    end }
  local function mark(el) absent[el.identifier] = true end
  doc:walk { Div = function(d)
    if d.classes:includes "page" then d:walk { Header = mark, Div = mark, Figure = mark, Table = mark } end
  end }
  absent[""] = nil
  return doc
end
local function prepend(blocks, inlines)
  if #blocks > 0 and blocks[1].content then
    for i = #inlines, 1, -1 do blocks[1].content:insert(1, inlines[i]) end
  end
end
local function label(k, n) return { pandoc.Strong { pandoc.Str(names[k][1] .. "\u{a0}" .. n .. ".") }, pandoc.Space() } end

local function equations(inlines)
  local out, i = pandoc.List(), 1
  while i <= #inlines do
    local x, id = inlines[i], nil
    if x.t == "Math" and x.mathtype == "DisplayMath" then
      local j = i + 1
      if inlines[j] and (inlines[j].t == "Space" or inlines[j].t == "SoftBreak") then j = j + 1 end
      if inlines[j] and inlines[j].t == "Str" then id = inlines[j].text:match "^{#(eq:[%w_:%-]+)}$" end
      if id then i = j end
      if id then
        local n = bump("eq", id)
        if typst then
          out:extend { raw '#[#set math.equation(numbering: "(1)")\n', x, raw(" <" .. id .. ">]") }
        else
          out:extend { pandoc.Span({ x, pandoc.Span("(" .. n .. ")", { class = "eqno" }) }, { id = id, class = "equation" }) }
        end
      else out:insert(x) end
    else out:insert(x) end
    i = i + 1
  end
  return out
end

-- ::: here: figures and tables that stay where they stand. ::: long: a table that may break over pages besides.
local function here(d, long)
  if not typst then return d end
  local rule = long and "\n#show figure: set block(breakable: true)\n#show: ruled" or ""
  d.content:insert(1, pandoc.RawBlock("typst", "#[#show figure: set figure(placement: none)" .. rule))
  d.content:insert(2, pandoc.RawBlock("typst", "#v(0.8em)"))
  d.content:insert(pandoc.RawBlock("typst", "#v(0.8em)]"))
  return d
end

-- ::: cards: a long table of prose. It keeps its column widths and may break over pages.
local function cards(d)
  for _, t in ipairs(d.content) do
    if t.t == "Table" then t.classes:insert "prose" end
  end
  if typst and d.classes:includes "glance" then d.content:insert(1, pandoc.RawBlock("typst", "#show table: it => { set text(size: 8pt); set table(inset: (x: 3pt, y: 1.3pt)); it }")) end
  return here(d, true)
end

-- ::: claim: one of the ledger in full, which opens on a click. Print has the table alone.
local function claim(d)
  local first = d.content:remove(1)
  local out = pandoc.List { pandoc.RawBlock("html", '<details class="claim" id="' .. d.identifier .. '"><summary>'), first,
    pandoc.RawBlock("html", "</summary>") }
  out:insert(pandoc.Div(d.content))
  out:insert(pandoc.RawBlock("html", "</details>"))
  return out
end

-- Verdicts: a span with a class, which print sets in a coloured box.
local function verdict(span)
  if not typst or not span.classes:includes "verdict" then return nil end
  local out = pandoc.List { raw('#verdict("' .. span.classes[2] .. '")[') }
  out:extend(span.content) ; out:insert(raw "]")
  return out
end

local function algorithm(d)
  local caption, lines = d.content[1].content, nil
  for _, b in ipairs(d.content) do if b.t == "LineBlock" then lines = b.content end end
  if not lines then error("xref: an .algorithm block needs a caption paragraph and a line block", 0) end
  local n = bump("alg", d.identifier)
  local function indent(l)
    if l[1].t ~= "Str" then return 0 end
    local text, spaces = l[1].text:gsub("\u{a0}", "")
    l[1].text = text
    return spaces // 4
  end
  if typst then
    local out = pandoc.List { raw "#figure(kind: \"algorithm\", supplement: [Algorithm], caption: [" }
    out:extend(caption) ; out:insert(raw "])[\n#algorithm-lines(")
    for _, l in ipairs(lines) do
      out:insert(raw("(" .. indent(l) .. ", [")) ; out:extend(l) ; out:insert(raw "]), ")
    end
    out:insert(raw(")] <" .. d.identifier .. ">"))
    return pandoc.Plain(out)
  end
  local items = pandoc.List()
  for _, l in ipairs(lines) do
    items:insert { pandoc.Plain { pandoc.Span(l, { style = "display:block;padding-left:" .. 1.5 * indent(l) .. "em" }) } }
  end
  local cap = pandoc.Plain(label("alg", n)) ; cap.content:extend(caption)
  return pandoc.Div({ pandoc.Div({ cap }, { class = "caption" }), pandoc.Div({ pandoc.OrderedList(items) }, { class = "scroll" }) },
                    { id = d.identifier, class = "algorithm" })
end

local function division(d)
  if typst and d.classes:includes "page" then
    d:walk { Figure = function(f) bump("fig", f.identifier) end, Table = function(t) bump("tbl", t.identifier) end }
  end
  if typst and (d.classes:includes "screen" or d.classes:includes "page") then return {}, false end
  if d.classes:includes "claim" then return claim(d) end
  if d.classes:includes "cards" then return cards(d) end
  if d.classes:includes "long" or d.classes:includes "here" then return here(d, d.classes:includes "long") end
  if d.classes:includes "algorithm" then return algorithm(d) end
end

local TEXT = 5.75  -- inches: the width of the text and of most pictures (report/figures/print_style.py)
local function width(src)
  local file = src:match "%.png$" and io.open(src, "rb")
  if not file then return "100%" end
  local size = pandoc.image.size(file:read "a")
  file:close()
  return string.format("%.0f%%", math.min(100, 100 * size.width / size.dpi_horz / TEXT))
end

local function figure(el)
  if #el.caption.long == 0 then return nil end
  local n = bump("fig", el.identifier)
  local cell = nil
  el = el:walk { Image = function(i)
    local a = i.attributes
    if typst and a.notebook then
      cell = pandoc.Str("Notebook " .. (a.notebook:match "^%d+" or a.notebook) .. ", cell " .. a.cell .. ".")
      if a.file ~= "" then cell = pandoc.Link(cell, a.file) end
      for _, name in ipairs { "notebook", "cell", "link", "file" } do a[name] = nil end
    end
    a.width = a.width or (typst and i.classes:includes "narrow" and "76%") or width(i.src)
    return i
  end }
  if cell then
    el.caption.long[#el.caption.long].content:extend { raw "#text(size: 0.85em, fill: luma(110))[ ", cell, raw "]" }
  end
  if not typst then prepend(el.caption.long, label("fig", n)) end
  return el
end

-- In HTML a table scrolls in its own box, with the caption outside, so that a phone's page stays as wide as its screen.
local function tables(el)
  if #el.caption.long == 0 then return nil end
  local n = bump("tbl", el.identifier)
  if not el.classes:includes "prose" then   -- pandoc gives columns a width wherever a line of the source is long
    el.colspecs = el.colspecs:map(function(c) return { c[1], nil } end)
  end
  if typst then return el end
  local id, cap = el.identifier, el.caption.long
  prepend(cap, label("tbl", n))
  el.identifier, el.caption.long = "", {}
  return {
    pandoc.RawBlock("html", '<figure class="table" id="' .. id .. '"><figcaption>'), pandoc.Div(cap),
    pandoc.RawBlock("html", '</figcaption><div class="scroll" role="group" aria-label="Table ' .. n .. '">'),
    el, pandoc.RawBlock("html", "</div></figure>"),
  }
end

-- 2. references ------------------------------------------------------------
local function beside(id) return "report.html#" .. id end   -- what print lacks, on the page that lies beside it
local function cite(c)
  local ks = c.citations:map(function(x) return kind(x.id) or "" end)
  local any = false
  for _, k in ipairs(ks) do any = any or k ~= "" end
  if not any then return nil end
  local k, out = ks[1], pandoc.List()
  for i, x in ipairs(c.citations) do
    local id = x.id:sub(1, 1):lower() .. x.id:sub(2)
    if ks[i] ~= k then error("xref: mixed reference " .. pandoc.utils.stringify(c), 0) end
    if not number[id] then
      local known = pandoc.List()
      for one in pairs(number) do if kind(one) == k then known:insert("@" .. one) end end
      table.sort(known)
      error("xref: @" .. x.id .. " refers to nothing; there are " .. table.concat(known, ", "), 0)
    end
    if i > 1 then out:insert(pandoc.Str(i == #c.citations and " and " or ", ")) end
    if i == 1 then
      local named = k == "sec" and number[id]:match "^%u" and appendix or names[k]
      out:insert(pandoc.Str(named[#c.citations > 1 and 2 or 1] .. "\u{a0}"))
    end
    local n = k == "eq" and "(" .. number[id] .. ")" or number[id]
    if absent[id] and typst then out:insert(pandoc.Link(n, beside(id)))
    else out:insert(typst and raw("#xref(<" .. id .. ">, \"" .. n .. "\")") or pandoc.Link(n, "#" .. id)) end
  end
  if typst and absent[c.citations[#c.citations].id] then out:extend { pandoc.Space(), pandoc.Str "of the HTML page" } end
  return out
end
local function link(l)
  local id = l.target:sub(2)
  if typst and absent[id] then l.target = beside(id) ; return l end
end

return { { Math = mathfix }, { Pandoc = sections }, { traverse = "topdown", Figure = figure, Table = tables, Div = division, Inlines = equations }, { Cite = cite, Link = link, Span = verdict } }
