/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A Wireshark dissector in Lua, written from the protocol's table: the table's structs as Lua
 * tables, and a small walker that puts their fields into the tree.
 */
#include <stdarg.h>
#include <stdio.h>

#include "trace/writer.h"

static void add(struct fn_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct fn_buf *b, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fn_buf_str(b, text);
}

static void structs(struct fn_buf *b)
{
	fn_buf_str(b, "local structs = {\n");
	for (size_t i = 1; i < FN_STRUCTS; i++) {
		const struct fn_wire_struct *s = &fn_wire_structs[i];

		add(b, "  [\"%s\"] = {size = %zu", s->name,
		    fn_wire_struct_size((enum fn_wire_struct_id)i, NULL));
		for (size_t k = 0; k < s->count; k++)
			if (s->fields[k].fmt != FN_FMT_PAD)
				add(b, ", {\"%s\", %u, %u}", s->fields[k].name, s->fields[k].offset,
				    s->fields[k].size);
		fn_buf_str(b, "},\n");
	}
	fn_buf_str(b, "}\n");
}

static const char *struct_name(uint8_t id)
{
	return id ? fn_wire_structs[id].name : "";
}

static void ops(struct fn_buf *b)
{
	const struct fn_wire_op *op;
	const struct fn_wire_notify *n;

	fn_buf_str(b, "local ops = {\n");
	for (size_t i = 0; (op = fn_wire_op_at(i)); i++)
		if (op->dialect == FN_DIALECT_mainline || op->dialect == FN_DIALECT_fn1)
			add(b, "  [%u] = {\"%s\", \"%s\", \"%s\", \"%s\"},\n", op->code, op->name,
			    struct_name(op->in), struct_name(op->out), struct_name(op->out2));
	fn_buf_str(b, "}\nlocal notifies = {\n");
	for (size_t i = 0; (n = fn_wire_notify_at(i)); i++)
		if (n->dialect == FN_DIALECT_mainline || n->dialect == FN_DIALECT_fn1)
			add(b, "  [%u] = {\"%s\", \"%s\"},\n", n->code, n->name,
			    struct_name(n->out));
	fn_buf_str(b, "}\n");
}

static const char head[] =
	"-- SPDX-License-Identifier: LGPL-2.1-or-later\n"
	"-- Written by fndump --dissector: FUSE messages in captures of fndump --to-pcapng.\n"
	"local fuse = Proto(\"fuse_msg\", \"FUSE message\")\n"
	"local f = {\n"
	"  dir = ProtoField.string(\"fuse_msg.dir\", \"Direction\"),\n"
	"  conn = ProtoField.uint32(\"fuse_msg.conn\", \"Connection\"),\n"
	"  tid = ProtoField.uint32(\"fuse_msg.tid\", \"Server thread\"),\n"
	"  len = ProtoField.uint32(\"fuse_msg.len\", \"Length\"),\n"
	"  op = ProtoField.string(\"fuse_msg.op\", \"Operation\"),\n"
	"  unique = ProtoField.uint64(\"fuse_msg.unique\", \"Unique\"),\n"
	"  nodeid = ProtoField.uint64(\"fuse_msg.nodeid\", \"Node id\"),\n"
	"  uid = ProtoField.uint32(\"fuse_msg.uid\", \"Uid\"),\n"
	"  gid = ProtoField.uint32(\"fuse_msg.gid\", \"Gid\"),\n"
	"  pid = ProtoField.uint32(\"fuse_msg.pid\", \"Pid\"),\n"
	"  error = ProtoField.int32(\"fuse_msg.error\", \"Error\"),\n"
	"  data = ProtoField.bytes(\"fuse_msg.data\", \"Data\"),\n"
	"}\n"
	"fuse.fields = f\n";

static const char tail[] =
	"local pending = {}\n"
	"local answered = {}\n"
	"local function u32(b, at, le) if le then return b(at, 4):le_uint() end "
	"return b(at, 4):uint() end\n"
	"local function number(b, at, size, le)\n"
	"  if size == 8 then\n"
	"    if le then return tostring(b(at, 8):le_uint64()) end\n"
	"    return tostring(b(at, 8):uint64())\n"
	"  end\n"
	"  if le then return tostring(b(at, size):le_uint()) end\n"
	"  return tostring(b(at, size):uint())\n"
	"end\n"
	"local function add_struct(b, at, name, tree, le)\n"
	"  local s = structs[name]\n"
	"  if not s then return at end\n"
	"  local t = tree:add(fuse, b(at, math.min(s.size, b:len() - at)), name)\n"
	"  for _, x in ipairs(s) do\n"
	"    if at + x[2] + x[3] <= b:len() and (x[3] == 1 or x[3] == 2 or x[3] == 4 or x[3] == 8) "
	"then\n"
	"      t:add(b(at + x[2], x[3]), x[1] .. \": \" .. number(b, at + x[2], x[3], le))\n"
	"    end\n"
	"  end\n"
	"  return math.min(at + s.size, b:len())\n"
	"end\n"
	"function fuse.init() pending = {} answered = {} end\n"
	"function fuse.dissector(b, pinfo, tree)\n"
	"  if b:len() < 28 then return 0 end\n"
	"  local dir = b(0, 1):string()\n"
	"  local le = b(1, 1):uint() == 0\n"
	"  local conn = b(4, 4):le_uint()\n"
	"  local t = tree:add(fuse, b())\n"
	"  pinfo.cols.protocol = \"FUSE\"\n"
	"  t:add(f.dir, b(0, 1), dir == \"R\" and \"request\" or \"answer\")\n"
	"  t:add_le(f.conn, b(4, 4))\n"
	"  t:add_le(f.tid, b(8, 4))\n"
	"  local add = le and t.add_le or t.add\n"
	"  add(t, f.len, b(12, 4))\n"
	"  add(t, f.unique, b(20, 8))\n"
	"  local key = conn .. \":\" .. number(b, 20, 8, le)\n"
	"  local at, name = b:len(), \"?\"\n"
	"  if dir == \"R\" then\n"
	"    if b:len() < 52 then return b:len() end\n"
	"    local code = u32(b, 16, le)\n"
	"    local op = ops[code] or {\"OP_\" .. code, \"\", \"\", \"\"}\n"
	"    name = op[1]\n"
	"    if not pinfo.visited then pending[key] = code end\n"
	"    add(t, f.nodeid, b(28, 8))\n"
	"    add(t, f.uid, b(36, 4))\n"
	"    add(t, f.gid, b(40, 4))\n"
	"    add(t, f.pid, b(44, 4))\n"
	"    at = add_struct(b, 52, op[2], t, le)\n"
	"    pinfo.cols.info = \"> \" .. name .. \" unique \" .. number(b, 20, 8, le)\n"
	"  else\n"
	"    add(t, f.error, b(16, 4))\n"
	"    local error = le and b(16, 4):le_int() or b(16, 4):int()\n"
	"    if number(b, 20, 8, le) == \"0\" then\n"
	"      local n = notifies[error] or {\"NOTIFY_\" .. error, \"\"}\n"
	"      name = n[1]\n"
	"      at = add_struct(b, 28, n[2], t, le)\n"
	"      pinfo.cols.info = \"! \" .. name\n"
	"    else\n"
	"      if not pinfo.visited then answered[pinfo.number] = pending[key] end\n"
	"      local op = ops[answered[pinfo.number]]\n"
	"      if op then name = op[1] end\n"
	"      at = 28\n"
	"      if op and error == 0 then\n"
	"        at = add_struct(b, add_struct(b, 28, op[3], t, le), op[4], t, le)\n"
	"      end\n"
	"      pinfo.cols.info = \"< \" .. name .. \" unique \" .. number(b, 20, 8, le) .. "
	"\" error \" .. error\n"
	"    end\n"
	"  end\n"
	"  t:add(f.op, name)\n"
	"  if at < b:len() then t:add(f.data, b(at)) end\n"
	"  return b:len()\n"
	"end\n"
	"DissectorTable.get(\"wtap_encap\"):add(wtap.USER0, fuse)\n";

void fn_write_dissector(struct fn_buf *b)
{
	fn_buf_str(b, head);
	structs(b);
	ops(b);
	fn_buf_str(b, tail);
}
