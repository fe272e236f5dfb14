package client

// syncDir does nothing: browsers have no directories to sync.
func syncDir(string) error { return nil }

// takeLock locks nothing: a page has its files to itself. Under Node it does not, and there
// is nothing to lock with: no flock, and no signals, by which to see whether the process that
// a lock file names is still there. Whoever runs the core there keeps others from that home.
func takeLock(string) (unlock func(), err error) { return func() {}, nil }
