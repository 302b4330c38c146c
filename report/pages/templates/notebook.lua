-- An executed notebook, as notebook.md.j2 has it, as a page: tables are tables, and nothing of it runs or loads.
local heading, title = nil, nil

local function read(block) return block.format == "html" and pandoc.read(block.text, "html").blocks or {} end
local function drop() return {} end

local function image(i)   -- an output may name a file of this machine
  if not i.src:match "^data:" then return {} end
end

local function link(l)   -- no script, file or other program
  local scheme = l.target:match "^([^/#?]*):"
  if scheme and not ({ http = true, https = true, mailto = true })[scheme:lower()] then return l.content end
end

local function header(h)   -- the first one is the page's; one h1 is enough
  heading = pandoc.utils.stringify(h)
  if h.level > 1 then return nil end
  if not title then title = h.content return {} end
  h.level = 2
  return h
end

local function figure(p)
  local i = #p.content == 1 and p.content[1]
  if not i or i.t ~= "Image" then return nil end
  i.attributes.under = heading
  return pandoc.Figure({ pandoc.Plain { i } })
end

local function tabled(t)
  t.attr = {}
  t.colspecs = t.colspecs:map(function(c) return { c[1], nil } end)
  return pandoc.Div({ t }, pandoc.Attr("", { "scroll" }, { { "role", "group" }, { "aria-label", "Table" } })), false
end

local function fold(d)
  if not d.classes:includes "fold" then return nil end
  local summary = d.content:remove(1)
  local said = pandoc.Blocks { pandoc.RawBlock("html", '<details class="fold"><summary>'), pandoc.Plain(summary.content),
                               pandoc.RawBlock("html", "</summary>") }
  said:extend(d.content)
  said:insert(pandoc.RawBlock("html", "</details>"))
  return said
end

local function named(m)
  if title then m.title = pandoc.MetaInlines(title) end
  return m
end

return { { RawBlock = read }, { RawBlock = drop, RawInline = drop, Image = image, Link = link },
         { traverse = "topdown", Header = header, Para = figure, Table = tabled }, { Div = fold, Meta = named } }
