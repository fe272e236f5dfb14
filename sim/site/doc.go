// Package site looks at the web site of a server as people do: its tests drive a
// real browser (Debian's Chromium, by Playwright) over the pages of a cloud of
// real servers and of one that is made up, with a thousand of them.
//
//	go test ./sim/site                    the tests
//	go test ./sim/site -shots DIR         the same, and pictures of every page in DIR
package site
