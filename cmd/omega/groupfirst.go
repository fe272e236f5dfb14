package main

import (
	"slices"
	"strings"
)

// oneGroup are the commands below "group" that are about one group, which is said first.
var oneGroup = []string{
	"info", "members", "who", "invite", "accept", "leave", "remove", "ban", "unban", "role", "title", "about", "picture", "rules", "redact",
	"link", "requests", "approve", "refuse", "dissolve",
}

// groupFirst writes "group link --chat G" as "group link G": commands about one group
// take it as their first word, and what scripts say by --chat means the same
// (decisions/0060).
func groupFirst(args []string) []string {
	for i := range len(args) - 1 {
		if args[i] == "group" && slices.Contains(oneGroup, args[i+1]) {
			return slices.Concat(args[:i+2], chatFirst(args[i+2:]))
		}
	}
	return args
}

// chatFirst is what is said behind a command with the value of --chat in front.
func chatFirst(args []string) []string {
	for i, arg := range args {
		value, glued := strings.CutPrefix(arg, "--chat=")
		switch {
		case arg == "--":
			return args
		case glued:
			return slices.Concat([]string{value}, args[:i], args[i+1:])
		case arg == "--chat" && i+1 < len(args):
			return slices.Concat(args[i+1:i+2], args[:i], args[i+2:])
		}
	}
	return args
}
