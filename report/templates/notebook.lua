-- Cells of an executed notebook as parts of a page: what serves the workflow is folded, pictures say what they show,
-- tables are tables, and nothing of an output runs or loads.
local FOLDED = { ["hide-input"] = "Code for the workflow", parameters = "Parameters of this run" }
local changed, heading = nil, nil

local function tags(cell)
  local found = {}
  for _, tag in ipairs(pandoc.json.decode(cell.attributes.tags or "[]")) do found[tag] = true end
  return found
end

-- The function that draws, as code calls it last: figures.NAME(, d.NAME(, slide(, or the name of a file of the report.
local function drawn_by(code)
  local name = ""
  for found in code:gmatch '[%w_%.]*%("?[%w_%.]*' do
    local called = found:match "^figures%.([%w_]+)" or found:match "^d%.(grid)" or found:match "^(slide)"
    name = called or name
  end
  return code:match '%[f?"([%w_]+)[^"]*%.%a+"%]' or name
end

local function table_of(t)
  t.attr = {}
  t.colspecs = t.colspecs:map(function(c) return { c[1], nil } end)
  return pandoc.Div({ t }, { class = "scroll", role = "group", ["aria-label"] = "Table" })
end

local function still(blocks, about)
  local found = pandoc.Blocks {}
  for _, block in ipairs(blocks) do
    if block.t == "RawBlock" then
      if block.format == "html" then found:extend(pandoc.read(block.text, "html").blocks) end
    else
      found:insert(block)
    end
  end
  found = found:walk { RawBlock = function() return {} end, RawInline = function() return {} end,
                       Image = function(image) if image.src:match "^%w+:" or image.src:match "^//" then return {} end end }
  return found:walk {
    Table = table_of,
    CodeBlock = function(code) code.text = code.text:gsub("\27%[[%d;]*m", "") return code end,
    Para = function(p)
      local image = #p.content == 1 and p.content[1]
      if not image or image.t ~= "Image" then return nil end
      image.attributes = { about = about, under = heading }
      return pandoc.Figure({ pandoc.Plain { image } })
    end }
end

local function folded(name, code)
  local said = pandoc.List { pandoc.RawBlock("html", '<details class="fold"><summary>'), pandoc.Plain { pandoc.Str(name) } }
  if changed and name == FOLDED.parameters then
    said[2].content:extend { pandoc.Str ":", pandoc.Space(), pandoc.Code(changed) }
  end
  said:extend { pandoc.RawBlock("html", "</summary>"), code, pandoc.RawBlock("html", "</details>") }
  return said
end

local function cell_of(cell, out)
  local has = tags(cell)
  if has["remove-cell"] then return end
  if not cell.classes:includes "code" then
    for _, block in ipairs(still(cell.content)) do
      if block.t == "Header" then heading = pandoc.utils.stringify(block) end
      out:insert(block)
    end
    return
  end
  local code, outputs, about = nil, pandoc.List(), ""
  for _, block in ipairs(cell.content) do
    if block.t == "CodeBlock" and not code then code, about = block, drawn_by(block.text)
    elseif block.t == "Div" then outputs:extend(still(block.content, about)) end
  end
  local fold = has.parameters and FOLDED.parameters or has["hide-input"] and FOLDED["hide-input"]
  if code and code.text ~= "" then
    if fold then out:extend(folded(fold, code)) else out:insert(code) end
  end
  if #outputs > 0 then out:insert(pandoc.Div(outputs, { class = "output" })) end
end

function Pandoc(doc)
  changed = doc.meta.changed and pandoc.utils.stringify(doc.meta.changed)
  local out = pandoc.Blocks {}
  for _, block in ipairs(doc.blocks) do
    if block.t == "Div" and block.classes:includes "cell" then cell_of(block, out) end
  end
  local title = nil
  doc.blocks = out:walk { Header = function(h)   -- the first one is the page's; one h1 is enough
    if h.level > 1 then return nil end
    if not title then title = h.content return {} end
    h.level = 2
    return h
  end }
  if title then doc.meta.title = pandoc.MetaInlines(title) end
  doc.meta.changed = nil
  for _, key in ipairs { "kernelspec", "jupyter", "language_info", "papermill" } do doc.meta[key] = nil end
  return doc
end
