package main

import "fmt"

// orNone says, where a command has printed nothing of what was asked for, that there is
// nothing; on the standard error, so that scripts read an empty list.
func (a *app) orNone(err error, key string, args ...any) error {
	if err == nil && !a.wrote && !a.json {
		fmt.Fprintf(a.stderr, "%s\n", safe(a.text(key, args...)))
	}
	return err
}
