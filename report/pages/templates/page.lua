-- What HTML alone needs. Runs after the citations are set, on the report and on notebooks.
local described, front, after = {}, nil, nil

-- The description of a picture by its file's (or function's) name, less a model behind it.
local function description(name)
  while name ~= "" and not described[name] do name = name:match "^(.*)_[^_]*$" or "" end
  return described[name]
end

local function meta(m)
  for key, value in pairs(m.alt or {}) do described[key] = pandoc.utils.stringify(value) end
  m.alt = nil
  local title = pandoc.List()   -- a subtitle after a colon has a line of its own
  for _, one in ipairs(m.title or {}) do
    local last = title[#title]
    title:insert(one.t == "Space" and last and last.t == "Str" and last.text:match ":$" and pandoc.LineBreak() or one)
  end
  if m.title then m.title = pandoc.MetaInlines(title) end
  return m
end

-- The numbers behind a picture, which lie beside it, as a file to save; many of them stay beside the page.
local MANY = 2^17  -- bytes
local function numbers(src)
  local beside = src:gsub("%.%w+$", ".csv")
  local file = io.open(beside, "rb")
  if not file then return {} end
  local content = file:read "a"
  local uri = #content > MANY and beside or pandoc.mediabag.make_data_uri("text/csv", content)
  file:close()
  return { pandoc.Str " · ", pandoc.Link("Numbers (CSV)", uri, "", { download = beside:match "[^/]+$" }) }
end

-- By which notebook's cell a picture is drawn, its numbers, and itself as a file.
local function drawn(i)
  local a = i.attributes
  local said = pandoc.List { pandoc.Str("Notebook " .. a.notebook .. ", cell " .. a.cell) }
  if a.link ~= "" then said = pandoc.List { pandoc.Link(said, a.link) } end
  said:extend(numbers(i.src))
  said:extend { pandoc.Str " · ", pandoc.Link(i.src:match "%.(%w+)$":upper(), i.src, "", { download = i.src:match "[^/]+$" }) }
  return pandoc.Div({ pandoc.Plain(said) }, { class = "drawn" })
end

local function figure(f)
  f:walk { Image = function(image)
    if image.attributes.notebook then f.caption.long:insert(drawn(image)) end
  end }
  return f:walk { Image = function(image)
    local text = description(image.attributes.about or image.src:match "([^/]+)%.%w+$" or "")
    if image.attributes.under then text = (text or "Figure.") .. " Under the heading: " .. image.attributes.under end
    if text and not image.attributes.alt then image.caption = { pandoc.Str(text) } end
    local grid = image.src:match "samples" and not image.src:match "beside" and not image.src:match "beyond"
    if image.src:match "%.png$" and not grid then image.classes:insert "lettered" end   -- a picture with words
    for _, name in ipairs { "about", "under", "notebook", "cell", "link", "file" } do image.attributes[name] = nil end
    return image
  end }
end

-- An SVG inlined into the page would share its ids with the others; as a data address it keeps to itself.
local function image(el)
  if not el.src:match "%.svg$" then return nil end
  local mime, content = pandoc.mediabag.fetch(el.src)
  el.src = pandoc.mediabag.make_data_uri(mime, content)
  return el
end

-- A formula in a line and the mark behind it stay together.
local function inlines(list)
  for i = #list - 1, 1, -1 do
    local mark = list[i].t == "Math" and list[i].mathtype == "InlineMath" and list[i + 1].t == "Str" and list[i + 1].text:match "^%p"
    if mark then
      list[i + 1].text = list[i + 1].text:sub(2)
      list[i] = pandoc.Span({ list[i], pandoc.Str(mark) }, { class = "whole" })
    end
  end
  return list
end

-- The figures and tables of the supplement open on a click.
local function supplement(d)
  local head = d.content[1]
  if not (d.classes:includes "page" and head and head.t == "Header" and head.classes:includes "supplement") then return nil end
  local rest = pandoc.Div(d.content)
  rest.content:remove(1)
  return { head, pandoc.RawBlock("html", '<details class="claim"><summary>Further figures, tables and settings</summary>'), rest,
    pandoc.RawBlock("html", "</details>") }
end

-- Long formulas scroll in a box of their own.
local function boxed(m)
  if m.mathtype == "DisplayMath" then return pandoc.Span({ m }, { class = "eqbody" }) end
end

-- Heads of columns and rows say what they are heads of, and none is empty. A phone shows the rows of a table with few
-- columns as cards, in which each cell has the head of its column.
local MOST = 8  -- columns
local function heads(t)
  local row = t.head.rows[1]
  local names = row and row.cells:map(function(cell) return pandoc.utils.stringify(cell.contents) end) or pandoc.List()
  if #names > 1 and #names <= MOST then
    t.classes:insert "stack"
    for _, body in ipairs(t.bodies) do
      for _, line in ipairs(body.body) do
        for i, cell in ipairs(line.cells) do cell.attr.attributes["data-label"] = i > 1 and names[i] or nil end
      end
    end
  end
  for _, row in ipairs(t.head.rows) do
    for _, cell in ipairs(row.cells) do
      cell.attr.attributes.scope = "col"
      local inlines = #cell.contents == 1 and cell.contents[1].content or pandoc.List()
      if pandoc.utils.stringify(cell.contents) == "" then
        cell.contents = { pandoc.Plain { pandoc.Span({ pandoc.Str "Item" }, { class = "unseen" }) } }
      elseif #inlines == 1 and inlines[1].t == "Math" and inlines[1].text:match "^%a$" then
        cell.contents = { pandoc.Plain { pandoc.Emph { pandoc.Str(inlines[1].text) } } }
      end
    end
  end
  for _, body in ipairs(t.bodies) do
    if not t.classes:includes "prose" then body.row_head_columns = 1 end
    for _, row in ipairs(body.body) do
      for i, cell in ipairs(row.cells) do
        if i == 1 and body.row_head_columns == 1 then cell.attr.attributes.scope = "row"
        elseif #pandoc.utils.stringify(cell.contents) > 40 then cell.attr.classes:insert "wrap" end
      end
    end
  end
  return t
end

-- From an entry of the bibliography back to where it is cited.
local cited = {}
local function citation(c)
  return c:walk { Link = function(link)
    local key = link.target:match "^#ref%-(.+)$"
    if not key then return nil end
    cited[key] = (cited[key] or 0) + 1
    link.identifier = "cite-" .. key .. "-" .. cited[key]
    return link
  end }
end
local function entry(d)
  local key = d.identifier:match "^ref%-(.+)$"
  if not key or not cited[key] then return nil end
  local back = pandoc.List { pandoc.Space() }
  for n = 1, cited[key] do
    local name = "Back to citation " .. n
    back:insert(pandoc.Link("↩", "#cite-" .. key .. "-" .. n, name, { class = "cited", ["aria-label"] = name }))
  end
  local last = d.content[#d.content]
  last.content:extend(back)
  return d
end

-- The claims as small coloured squares, taken from the rows of div.glance: number, claim, ..., verdict.
local squares, signs = pandoc.List(), pandoc.List()   -- and each verdict once, as their legend
local function square(row)
  local link, verdict
  pandoc.Div(row.cells[1].contents):walk { Link = function(l) link = l end }
  pandoc.Div(row.cells[#row.cells].contents):walk { Span = function(s) if s.classes:includes "verdict" then verdict = s end end }
  if not link or not verdict then return end
  local number, name = pandoc.utils.stringify(link), pandoc.utils.stringify(row.cells[2].contents)
  local said = name .. ": " .. pandoc.utils.stringify(verdict)
  local more = { class = "square " .. verdict.classes[#verdict.classes], ["aria-label"] = "Claim " .. number .. ", " .. said }
  squares:insert { pandoc.Plain { pandoc.Link(number, link.target, said, more) } }
  if signs[verdict.classes[2]] then return end   -- the margin of "no difference" differs from claim to claim
  signs[verdict.classes[2]] = true
  local sign = pandoc.utils.stringify(verdict):gsub(" beyond.*", "")
  signs:extend { pandoc.Span(pandoc.Str(sign), verdict.attr), pandoc.Space() }
end
local function glance(d)
  if not d.classes:includes "glance" then return nil end
  d:walk { Table = function(t)
    for _, body in ipairs(t.bodies) do body.body:map(square) end
  end }
end
local function ledger(d)
  if d.classes:includes "squares" and #squares > 0 then return pandoc.Div({ pandoc.BulletList(squares), pandoc.Para(signs) }, d.attr) end
end

-- The front of the page is in the text, as div.screen, and goes above the abstract; div.screen.after goes below it.
local function screen(d)
  if not d.classes:includes "screen" then return nil end
  if d.classes:includes "after" then after = d.content else front = d.content end
  return {}
end
local function whole(doc)
  if front then doc.meta.front = pandoc.MetaBlocks(front) end
  if after then doc.meta.after = pandoc.MetaBlocks(after) end
  return doc
end

return { { Meta = meta }, { Div = glance }, { Div = ledger }, { Div = screen }, { Pandoc = whole }, { Div = supplement },
         { Inlines = inlines }, { Figure = figure, Math = boxed, Table = heads },
         { Image = image }, { Cite = citation }, { Div = entry } }
