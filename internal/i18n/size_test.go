package i18n

import "testing"

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 B", 999: "999 B", 1000: "1.0 kB", 1536: "1.5 kB", 9949: "9.9 kB", 56115: "56 kB", 123456: "123 kB", 999499: "999 kB", 60 << 20: "63 MB",
		1 << 30: "1.1 GB", 5e12: "5.0 TB", 5e15: "5000 TB",
	} {
		if got := Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
