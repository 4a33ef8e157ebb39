# SPDX-License-Identifier: GPL-2.0-or-later
# Puts README's recipes, as scdoc, where a page has the line @RECIPES@: they stand in one place.
#   awk -f recipes.awk -v readme=README.md page.scd

function code(text)
{
	gsub(/[\\_*]/, "\\\\&", text)
	return text
}

# `code` becomes bold.
function prose(text,    out, n, i, part)
{
	n = split(text, part, "`")
	for (i = 1; i <= n; i++)
		out = out (i % 2 ? code(part[i]) : "*" code(part[i]) "*")
	return out
}

function recipes(    line, inside, fenced)
{
	while ((getline line < readme) > 0) {
		if (line ~ /^## /) {
			inside = line == "## Recipes"
			continue
		}
		if (!inside)
			continue
		if (line ~ /^```/)
			fenced = !fenced
		if (line ~ /^```/)
			print "```"
		else if (fenced) {
			gsub(/\\/, "&&", line)
			print line
		} else if (line ~ /^### /)
			print substr(line, 2)
		else
			print prose(line)
	}
}

$0 == "@RECIPES@" { recipes(); next }
{ print }
