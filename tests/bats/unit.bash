# SPDX-License-Identifier: GPL-2.0-or-later
# . unit.bash UNITS NAME@INSTANCE: what systemd does with the lines of such a unit, without systemd.
unit_file=$1/${2%@*}@.service
unit_instance=${2#*@}
unit_path=$(systemd-escape --unescape --path "$unit_instance")

# unit_get KEY: with %i and %f replaced.
unit_get() { sed -n "s#^$1=##p" "$unit_file" | sed "s#%i#$unit_instance#g; s#%f#$unit_path#g"; }

# unit_run KEY: the command in it, with the variables of EnvironmentFile=. $NAME is split into words,
# ${NAME} is one; a leading - means that failing is no failure.
unit_run() {
	local command env name value
	command=$(unit_get "$1")
	env=$(unit_get EnvironmentFile)
	if [ -n "$env" ]; then
		while IFS='=' read -r name value; do
			value=$(sed 's/^"\(.*\)"$/\1/' <<<"$value")
			command=${command//"\$$name"/"$value"}
			command=${command//"\${$name}"/"'$value'"}
		done < <(grep -v '^#' "$env")
	fi
	case $command in
	-*) eval "${command#-}" || : ;;
	*) eval "$command" ;;
	esac
}

unit_start() {
	case $(unit_get Type) in
	forking) unit_run ExecStart ;;
	*) unit_run ExecStart >/run/unit.log 2>&1 & ;;
	esac
}
