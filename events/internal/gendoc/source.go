package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// source is what the files of package events say.
type source struct {
	structs map[string]*ast.StructType
	docs    map[string]string // of a type
	types   map[string]string // struct to event type
	channel map[string]string // struct to the doc of its Channel method
}

// eventDoc describes one event type.
type eventDoc struct {
	Type, Struct, Doc, Channel string
	Fields                     []fieldDoc
}

type fieldDoc struct{ Name, Type, Recorded, Doc string }

// parse reads the non-test files in dir.
func parse(dir string) (*source, error) {
	s := &source{
		structs: map[string]*ast.StructType{}, docs: map[string]string{},
		types: map[string]string{}, channel: map[string]string{},
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			s.read(decl)
		}
	}
	return s, nil
}

func (s *source) read(decl ast.Decl) {
	switch d := decl.(type) {
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok {
				s.readType(d, t)
			}
		}
	case *ast.FuncDecl:
		if d.Recv != nil {
			s.readMethod(d)
		}
	}
}

func (s *source) readType(d *ast.GenDecl, t *ast.TypeSpec) {
	if st, ok := t.Type.(*ast.StructType); ok {
		s.structs[t.Name.Name], s.docs[t.Name.Name] = st, d.Doc.Text()
	}
}

func (s *source) readMethod(d *ast.FuncDecl) {
	receiver, ok := d.Recv.List[0].Type.(*ast.Ident)
	if !ok {
		return
	}
	switch d.Name.Name {
	case "EventType":
		if name := returned(d); name != "" {
			s.types[receiver.Name] = name
		}
	case "Channel":
		text := strings.TrimPrefix(strings.TrimSpace(d.Doc.Text()), "Channel returns ")
		s.channel[receiver.Name] = strings.TrimSuffix(text, ".")
	}
}

// returned is the string literal that a method returns.
func returned(d *ast.FuncDecl) string {
	ret, ok := d.Body.List[len(d.Body.List)-1].(*ast.ReturnStmt)
	if !ok || len(ret.Results) != 1 {
		return ""
	}
	literal, ok := ret.Results[0].(*ast.BasicLit)
	if !ok {
		return ""
	}
	value, _ := strconv.Unquote(literal.Value) // the parser took it for a string
	return value
}

// events returns the descriptions of all event types, by type.
func (s *source) events() []eventDoc {
	var all []eventDoc
	for name, typ := range s.types {
		all = append(all, eventDoc{
			Type: typ, Struct: name, Doc: oneLine(s.docs[name]),
			Channel: s.channelOf(name), Fields: s.fields(name, ""),
		})
	}
	slices.SortFunc(all, func(a, b eventDoc) int { return strings.Compare(a.Type, b.Type) })
	return all
}

// channelOf finds the Channel method of a struct or of what it embeds.
func (s *source) channelOf(name string) string {
	if channel, ok := s.channel[name]; ok {
		return channel
	}
	for _, embedded := range s.embedded(name) {
		if channel := s.channelOf(embedded); channel != "" {
			return channel
		}
	}
	return ""
}

func (s *source) embedded(name string) []string {
	var names []string
	st, ok := s.structs[name]
	if !ok {
		return nil
	}
	for _, field := range st.Fields.List {
		if ident, ok := field.Type.(*ast.Ident); ok && len(field.Names) == 0 {
			names = append(names, ident.Name)
		}
	}
	return names
}

// fields lists the JSON fields of a struct as they appear: embedded ones in
// place, those of a nested struct after their parent's name.
func (s *source) fields(name, prefix string) []fieldDoc {
	var all []fieldDoc
	for _, field := range s.structs[name].Fields.List {
		typ := exprName(field.Type)
		if len(field.Names) == 0 {
			all = append(all, s.fields(typ, prefix)...)
			continue
		}
		if field.Tag == nil {
			continue
		}
		tags := reflect.StructTag(strings.Trim(field.Tag.Value, "`"))
		jsonName, options, _ := strings.Cut(tags.Get("json"), ",")
		text := oneLine(field.Doc.Text() + field.Comment.Text())
		if options == "omitempty" {
			text = strings.TrimSpace(text + " May be absent.")
		}
		all = append(all, fieldDoc{prefix + jsonName, typeName(typ), recorded(tags.Get("private")), text})
		nested := strings.TrimLeft(typ, "[]*")
		if _, ok := s.structs[nested]; ok {
			all = append(all, s.fields(nested, prefix+jsonName+".")...)
		}
	}
	return all
}

// recorded says how a field with this tag stands in a stream.
func recorded(private string) string {
	switch private {
	case "owner", "source":
		return "pseudonym"
	case "subject":
		return "with pseudonym"
	case "sealed":
		return "sealed"
	case "sealed-by-source":
		return "sealed (source)"
	default:
		return "readable"
	}
}

// exprName returns the Go source of a field's type, as far as events use types.
func exprName(e ast.Expr) string {
	switch t := e.(type) {
	case *ast.Ident:
		return t.Name
	case *ast.StarExpr:
		return "*" + exprName(t.X)
	case *ast.ArrayType:
		return "[]" + exprName(t.Elt)
	case *ast.SelectorExpr:
		return exprName(t.X) + "." + t.Sel.Name
	default:
		return fmt.Sprintf("%T", e)
	}
}

// typeName names a Go type as it looks in JSON.
func typeName(goType string) string {
	switch goType {
	case "string", "Ingress":
		return "string"
	case "int", "int64", "uint64":
		return "integer"
	case "[]byte":
		return "base64"
	case "time.Time":
		return "RFC 3339 time"
	}
	if strings.HasPrefix(goType, "[]") {
		return "list"
	}
	return "object"
}

// link is a reference to a name in a doc comment.
var link = regexp.MustCompile(`\[(\w+)\]`)

// oneLine turns a doc comment into Markdown that fits a table cell.
func oneLine(text string) string {
	text = link.ReplaceAllString(text, "$1")
	text = strings.ReplaceAll(text, "|", `\|`)
	return strings.Join(strings.Fields(text), " ")
}
