package main

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/omega-im/omega/clientrpc"
)

// A model is the types that methods and events use, each before those that stand
// in it.
type model struct {
	structs []reflect.Type
	texts   []reflect.Type // that travel as strings, such as fingerprints
	seen    map[reflect.Type]bool
}

func newModel() *model {
	m := &model{seen: map[reflect.Type]bool{}}
	m.add(reflect.TypeFor[clientrpc.Error]())
	for _, s := range clientrpc.Methods() {
		m.add(s.Req)
		m.add(s.Resp)
	}
	for _, s := range clientrpc.Events() {
		m.add(s.Resp)
	}
	return m
}

var (
	timeType     = reflect.TypeFor[time.Time]()
	durationType = reflect.TypeFor[time.Duration]()
	rawType      = reflect.TypeFor[json.RawMessage]()
	textType     = reflect.TypeFor[encoding.TextMarshaler]()
)

// add takes a type in, and those that stand in it.
func (m *model) add(t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if m.seen[t] || t == timeType || t == durationType {
		return
	}
	m.seen[t] = true
	switch {
	case t.Implements(textType):
		m.texts = append(m.texts, t)
	case t.Kind() == reflect.Struct:
		m.structs = append(m.structs, t)
		for i := range t.NumField() {
			m.add(t.Field(i).Type)
		}
	}
}

// A field as it travels.
type field struct {
	name, goName string
	typ          reflect.Type
	optional     bool
}

// fieldsOf lists what of t travels: its own fields, and the types that it embeds.
func fieldsOf(t reflect.Type) (own []field, embedded []reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Tag.Get("json") == "" {
			embedded = append(embedded, f.Type)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		own = append(own, field{name, f.Name, f.Type, optional})
	}
	return own, embedded
}

// script writes a type as TypeScript does. Empty lists may be null: Go has two
// kinds of nothing.
func script(t reflect.Type, optional bool) string {
	switch {
	case t == timeType:
		return "Time"
	case t == durationType:
		return "Nanoseconds"
	case t.Kind() == reflect.Pointer:
		return script(t.Elem(), optional)
	case t == rawType:
		return "unknown"
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return "Base64"
	case t.Kind() == reflect.Slice:
		list := script(t.Elem(), false) + "[]"
		if !optional {
			list += " | null"
		}
		return list
	case t.Implements(textType), t.Kind() == reflect.Struct:
		return t.Name()
	case t.Kind() == reflect.Bool:
		return "boolean"
	case t.Kind() == reflect.String:
		return "string"
	}
	return "number"
}
