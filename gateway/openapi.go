package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/volens-ledger/volens/gateway/api"
)

// openAPI makes the OpenAPI 3.1 document from the route table and the Go types of bodies, so that it cannot say anything
// that the gateway does not do.
func openAPI() ([]byte, error) {
	d := document{schemas: map[string]any{}}
	paths := map[string]map[string]any{}
	for _, r := range api.Routes() {
		path := openPath(r.Path)
		if paths[path] == nil {
			paths[path] = map[string]any{}
		}
		paths[path][strings.ToLower(r.Method)] = d.operation(r)
	}
	doc := map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "Volens gateway", "version": "1",
			"description": "Patient-controlled consent and data-sharing ledger. Errors are RFC 9457 problems.",
			"license":     map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
		},
		"paths": paths,
		"components": map[string]any{
			"schemas": d.schemas,
			"securitySchemes": map[string]any{
				"bearer":  map[string]any{"type": "http", "scheme": "bearer"},
				"session": map[string]any{"type": "apiKey", "in": "cookie", "name": "__Host-sid"},
			},
		},
	}
	d.schema(reflect.TypeFor[api.Problem]())
	b, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return nil, fmt.Errorf("make openapi.json: %w", err)
	}
	return b, nil
}

// openPath turns gin's :name and *name into {name}.
func openPath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") || strings.HasPrefix(p, "*") {
			parts[i] = "{" + p[1:] + "}"
		}
	}
	return strings.Join(parts, "/")
}

type document struct{ schemas map[string]any }

func (d document) operation(r api.Route) map[string]any {
	roles := make([]string, len(r.Roles))
	anyone := false
	for i, role := range r.Roles {
		roles[i] = string(role)
		anyone = anyone || role == api.Anyone
	}
	op := map[string]any{
		"summary": r.Summary, "operationId": operationID(r), "x-roles": roles,
		"responses": map[string]any{
			"2XX":     d.content("The answer.", r.Answer, "application/json"),
			"default": d.content("A problem.", api.Problem{}, api.ProblemType),
		},
	}
	if !anyone {
		op["security"] = []any{map[string]any{"bearer": []string{}}, map[string]any{"session": []string{}}}
	}
	if r.Method == http.MethodPost && r.Request != nil {
		body := d.content("", r.Request, "application/json")
		delete(body, "description")
		body["required"] = true
		op["requestBody"] = body
	}
	var params []any
	for _, p := range strings.Split(r.Path, "/") {
		if strings.HasPrefix(p, ":") || strings.HasPrefix(p, "*") {
			params = append(params, map[string]any{"name": p[1:], "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
		}
	}
	if params != nil {
		op["parameters"] = params
	}
	return op
}

func operationID(r api.Route) string {
	var b strings.Builder
	b.WriteString(strings.ToLower(r.Method))
	for _, part := range strings.FieldsFunc(r.Path, func(c rune) bool { return strings.ContainsRune("/.:*-_$", c) }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

func (d document) content(description string, v any, media string) map[string]any {
	c := map[string]any{"description": description}
	if v != nil {
		c["content"] = map[string]any{media: map[string]any{"schema": d.schema(reflect.TypeOf(v))}}
	}
	return c
}

var textMarshaler = reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()

// schema is the JSON schema of a Go type as the gateway writes it; structs go into components and are referred to.
func (d document) schema(t reflect.Type) map[string]any {
	if t.Implements(textMarshaler) {
		return map[string]any{"type": "string"}
	}
	switch t.Kind() { //nolint:exhaustive // the kinds that bodies are made of
	case reflect.Pointer:
		return d.schema(t.Elem())
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Int, reflect.Int64, reflect.Uint64, reflect.Uint32:
		return map[string]any{"type": "integer"}
	case reflect.Slice:
		switch {
		case t.Elem().Kind() == reflect.Uint8 && t.Name() == "RawMessage":
			return map[string]any{}
		case t.Elem().Kind() == reflect.Uint8:
			return map[string]any{"type": "string", "contentEncoding": "base64"}
		}
		return map[string]any{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": d.schema(t.Elem())}
	case reflect.Struct:
		return d.object(t)
	}
	return map[string]any{}
}

func (d document) object(t reflect.Type) map[string]any {
	name := t.Name()
	pkg := t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:]
	if pkg != "api" {
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	ref := map[string]any{"$ref": "#/components/schemas/" + name}
	if _, ok := d.schemas[name]; ok {
		return ref
	}
	d.schemas[name] = nil // stops recursion
	if t.Implements(reflect.TypeFor[json.Marshaler]()) {
		d.schemas[name] = map[string]any{"type": "object"}
		return ref
	}
	properties := map[string]any{}
	d.properties(t, properties)
	d.schemas[name] = map[string]any{"type": "object", "properties": properties}
	return ref
}

func (d document) properties(t reflect.Type, into map[string]any) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			d.properties(f.Type, into)
		case name != "-" && f.IsExported():
			into[name] = d.schema(f.Type)
		}
	}
}
