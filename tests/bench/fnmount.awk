# SPDX-License-Identifier: GPL-2.0-or-later
# Figures (round, what, side, value) as a table: medians, ratios, goals.
BEGIN {
	FS = "\t"
	goal["latency, us"] = "<= 3"
	goal["changes/s nobody looks at"] = ">= 0.9"
	goal["replayed events/s of one core"] = ">= 25000"
}

{
	if (!($2 in rounds))
		order[++n] = $2
	if (!(($2, $3) in seen) && $3 != "fnmount")
		sides[$2] = sides[$2] " " $3
	seen[$2, $3] = 1
	if ($1 > rounds[$2])
		rounds[$2] = $1
	value[$2, $3, $1] = $4
}

# The middle of v[1..k], which is sorted.
function median(k,    i, j, t) {
	for (i = 2; i <= k; i++)
		for (j = i; j > 1 && v[j - 1] > v[j]; j--) {
			t = v[j]
			v[j] = v[j - 1]
			v[j - 1] = t
		}
	return k % 2 ? v[(k + 1) / 2] : (v[k / 2] + v[k / 2 + 1]) / 2
}

function middle(what, side,    i) {
	for (i = 1; i <= rounds[what]; i++)
		v[i] = value[what, side, i] + 0
	return median(rounds[what])
}

# Of more than one reference the better one of each round counts. "unchecked" is another matter: no
# permissions are looked at there.
function ratio(what, i,    k, names, best, j) {
	k = split(sides[what], names, " ")
	for (j = 1; j <= k; j++)
		if (names[j] != "unchecked" && value[what, names[j], i] + 0 > best + 0)
			best = value[what, names[j], i]
	return best ? value[what, "fnmount", i] / best : 0
}

function met(figure, limit,    part) {
	split(limit, part, " ")
	if (part[1] == "<=" ? figure <= part[2] : part[1] == ">=" ? figure >= part[2] : figure > part[2])
		return "met (" limit ")"
	return "MISSED (" limit ")"
}

function figure_to(what, side,    i) {
	for (i = 1; i <= rounds[what]; i++)
		v[i] = value[what, "fnmount", i] / value[what, side, i]
	return median(rounds[what])
}

function short(x) {
	return x >= 100 ? sprintf("%.0f", x) : sprintf("%.1f", x)
}

function print_row(what,    i, k, names, text, limit, figure) {
	k = split(sides[what], names, " ")
	text = sprintf("  %-30s fnmount %8s", what, short(middle(what, "fnmount")))
	for (i = 1; i <= k; i++)
		text = text sprintf("  %s %8s", names[i], short(middle(what, names[i])))
	figure = middle(what, "fnmount")
	if (k) {
		for (i = 1; i <= rounds[what]; i++)
			v[i] = ratio(what, i)
		figure = median(rounds[what])
		text = text sprintf("  ratio %.2f (%.2f-%.2f)", figure, v[1], v[rounds[what]])
		if ((what, "unchecked", 1) in value)
			text = text sprintf(", to unchecked %.2f", figure_to(what, "unchecked"))
	} else {
		text = text sprintf("  (%s-%s)", short(v[1]), short(v[rounds[what]]))
	}
	limit = goal[what]
	if (!limit && k == 2 || what ~ /^sequential|^stat|^readdir|^create/)
		limit = "> 1"
	print text (limit ? "  " met(figure, limit) : "")
}

END {
	for (i = 1; i <= n; i++)
		print_row(order[i])
}
