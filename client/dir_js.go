package client

// syncDir does nothing: browsers have no directories to sync.
func syncDir(string) error { return nil }

// takeLock locks nothing: a page has its files to itself.
func takeLock(string) (unlock func(), err error) { return func() {}, nil }
