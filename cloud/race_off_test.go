//go:build !race

package cloud

const racing = false
