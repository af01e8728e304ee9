package elbv2api

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

// maxPage is how many elements a page has at most, and without a word of the client.
const maxPage = 400

// markerPrefix has no marker be empty, which would be the last page's.
const markerPrefix = "."

// paged is the page of list that the request asks for, and the marker of the next; empty
// for none. Elements are in the order of their keys. A marker names the last one that was
// seen, so that what is created or deleted in between makes none stand twice or be missed.
func paged[T any](in page, list []T, key func(*T) string) (members[T], string, *Error) {
	size := maxPage
	if in.PageSize != nil {
		size = *in.PageSize
		if size < 1 || size > maxPage {
			return nil, "", violation(strconv.Itoa(size), "pageSize", "Member must have value between 1 and "+strconv.Itoa(maxPage))
		}
	}
	list = slices.SortedStableFunc(slices.Values(list), func(a, b T) int { return strings.Compare(key(&a), key(&b)) })
	if in.Marker != "" {
		text, err := base64.RawURLEncoding.DecodeString(in.Marker)
		last, ok := strings.CutPrefix(string(text), markerPrefix)
		if err != nil || !ok {
			return nil, "", fail(codeValidationError, "Marker '%s' is invalid", excerpt(in.Marker))
		}
		list = slices.DeleteFunc(list, func(e T) bool { return key(&e) <= last })
	}
	if len(list) <= size {
		return append(members[T]{}, list...), "", nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte(markerPrefix + key(&list[size-1])))
	return append(members[T]{}, list[:size]...), next, nil
}
