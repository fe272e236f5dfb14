// Package spec holds the normative text of the protocol and embeds its test
// vectors, so that the tests of every package read the same ones.
package spec

import "embed"

// Vectors are the files of spec/vectors.
//
//go:embed vectors
var Vectors embed.FS
