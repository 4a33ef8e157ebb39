// SPDX-License-Identifier: GPL-2.0-or-later
// watch.js KIND DIRECTORY: prints "ready", then what the watcher KIND says happens below DIRECTORY,
// one "WHAT PATH" a line. Nothing here polls.
"use strict";
const fs = require("fs");
const path = require("path");
const [kind, dir] = process.argv.slice(2);
const root = path.resolve(dir);
const say = (what, name) => console.log(what, path.relative(root, path.resolve(root, name)));
const ready = () => console.log("ready");

const watchers = {
	"fs.watch"() {
		fs.watch(root, { recursive: true }, (what, name) => say(what, name));
		ready();
	},
	chokidar() {
		require("chokidar")
			.watch(root, { ignoreInitial: true, usePolling: false })
			.on("all", say)
			.on("ready", ready);
	},
	parcel() {
		require("@parcel/watcher")
			.subscribe(root, (err, events) => {
				if (err) throw err;
				for (const e of events) say(e.type, e.path);
			}, { backend: "inotify" })
			.then(ready);
	},
	watchpack() {
		const Watchpack = require("watchpack");
		const wp = new Watchpack({ aggregateTimeout: 20, poll: false });
		wp.on("change", (name, mtime, why) => say("change", name));
		wp.on("aggregated", (changes, removals) => {
			for (const name of removals) say("removal", name);
		});
		const files = ["kept", "file", "sub/old", "sub/renamed", "sub/gone", "new/inner"];
		wp.watch({ files: [], directories: [root], missing: files.map((f) => path.join(root, f)) });
		setTimeout(ready, 500);
	},
};
watchers[kind]();
