package client

import (
	"cmp"
	"encoding/base64"
	"slices"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// pageOf is how many entries a page asks for.
func pageOf(p clientrpc.Page) int {
	if p.Count <= 0 {
		return clientrpc.PageMax
	}
	return min(p.Count, clientrpc.PageMax)
}

// part puts a list in the order of its keys, which differ, and cuts the part out
// that p asks for. What names the next part is the last key of this one, so
// entries that come or go meanwhile shift no others.
func part[T any](list []T, p clientrpc.Page, key func(*T) string) ([]T, clientrpc.Rest, error) {
	slices.SortFunc(list, func(a, b T) int { return cmp.Compare(key(&a), key(&b)) })
	if p.Next != "" {
		after, err := base64.RawURLEncoding.DecodeString(p.Next)
		if err != nil {
			return nil, clientrpc.Rest{}, badNext(p.Next)
		}
		i, found := slices.BinarySearchFunc(list, string(after), func(e T, k string) int { return cmp.Compare(key(&e), k) })
		if found {
			i++
		}
		list = list[i:]
	}
	n := pageOf(p)
	if len(list) <= n {
		return list, clientrpc.Rest{}, nil
	}
	return list[:n], clientrpc.Rest{Next: base64.RawURLEncoding.EncodeToString([]byte(key(&list[n-1])))}, nil
}

func badNext(next string) error {
	return fail(clientrpc.CodeUsage, i18n.T("doing.reading"), i18n.T("why.next", next), i18n.T("next.next"), nil)
}
