// Package filetype decides what an uploaded file is: by the extension of its
// name and by what it contains, which must agree. It unpacks nothing; of a ZIP it
// reads the directory, and of an OpenDocument the few bytes that name its type.
package filetype

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Refusal says why a file is not taken: "empty", "extension", "content",
// "program", "page" (HTML or SVG), "macros", "encrypted" or "bomb".
type Refusal string

func (r Refusal) Error() string { return "file refused: " + string(r) }

// Limits of files that are ZIPs inside, by what their directory says.
const (
	maxEntries  = 5000
	maxUnpacked = 1 << 30
	maxRatio    = 200     // a table of zeros in a spreadsheet comes to about 100
	minRatio    = 1 << 20 // smaller entries may be packed as tightly as they like
)

// kind is one type that is taken.
type kind struct {
	media string
	looks func(b []byte) error
}

var kinds = map[string]kind{
	"pdf":  {"application/pdf", begins("%PDF-")},
	"png":  {"image/png", begins("\x89PNG\r\n\x1a\n")},
	"jpg":  {"image/jpeg", begins("\xff\xd8\xff")},
	"jpeg": {"image/jpeg", begins("\xff\xd8\xff")},
	"tif":  {"image/tiff", begins("II*\x00", "MM\x00*")},
	"tiff": {"image/tiff", begins("II*\x00", "MM\x00*")},
	"txt":  {"text/plain", plain},
	"csv":  {"text/csv", plain},
	"docx": {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", openXML("word/document.xml")},
	"xlsx": {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", openXML("xl/workbook.xml")},
	"pptx": {"application/vnd.openxmlformats-officedocument.presentationml.presentation", openXML("ppt/presentation.xml")},
	"odt":  {"application/vnd.oasis.opendocument.text", openDocument},
	"ods":  {"application/vnd.oasis.opendocument.spreadsheet", openDocument},
	"odp":  {"application/vnd.oasis.opendocument.presentation", openDocument},
	"doc":  {"application/msword", compound},
	"xls":  {"application/vnd.ms-excel", compound},
}

// Extensions lists what is taken, in the order people are told it. Archives are
// not: they would hide what they hold.
func Extensions() []string {
	return []string{"pdf", "docx", "xlsx", "pptx", "odt", "ods", "odp", "doc", "xls", "txt", "csv", "png", "jpg", "jpeg", "tif", "tiff"}
}

// Of returns the media type of a file, or a Refusal. A file must be what the
// extension of its name says.
func Of(name string, b []byte) (media string, err error) {
	if len(b) == 0 {
		return "", Refusal("empty")
	}
	ext := Extension(name)
	k, ok := kinds[ext]
	switch {
	case program(b):
		return "", Refusal("program")
	case page(ext, b):
		return "", Refusal("page")
	case !ok:
		return "", Refusal("extension")
	}
	if err := k.looks(b); err != nil {
		return "", err
	}
	if strings.HasPrefix(k.media, "application/vnd.oasis.") {
		if got, err := mimetype(b); err != nil || got != k.media {
			return "", Refusal("content")
		}
	}
	return k.media, nil
}

// Extension is the extension of a name in lower case, without its dot.
func Extension(name string) string { return strings.ToLower(strings.TrimPrefix(path.Ext(name), ".")) }

// programs are the beginnings of files that a computer runs: Windows, Linux, macOS, scripts, Java.
var programs = []string{"MZ", "\x7fELF", "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe", "#!", "L\x00\x00\x00\x01\x14\x02\x00"}

func program(b []byte) bool {
	return slices.ContainsFunc(programs, func(magic string) bool {
		if magic == "MZ" && printable(b) { // a text may begin with these letters
			return false
		}
		return bytes.HasPrefix(b, []byte(magic))
	})
}

func printable(b []byte) bool {
	return !slices.ContainsFunc(b[:min(len(b), 512)], func(c byte) bool { return c < ' ' && c != '\t' && c != '\n' && c != '\r' })
}

// page reports whether a browser would take the file for a page, or SVG, which may hold scripts as pages do.
func page(ext string, b []byte) bool {
	if slices.Contains([]string{"html", "htm", "xhtml", "shtml", "mht", "mhtml", "svg", "svgz", "xml", "xsl"}, ext) {
		return true
	}
	head := bytes.ToLower(bytes.TrimLeft(bytes.TrimPrefix(b[:min(len(b), 1024)], []byte("\xef\xbb\xbf")), " \t\r\n"))
	return strings.HasPrefix(http.DetectContentType(b), "text/html") || bytes.HasPrefix(head, []byte("<?xml")) || bytes.HasPrefix(head, []byte("<svg")) ||
		bytes.HasPrefix(head, []byte("<!doctype"))
}

func begins(with ...string) func([]byte) error {
	return func(b []byte) error {
		for _, magic := range with {
			if bytes.HasPrefix(b, []byte(magic)) {
				return nil
			}
		}
		return Refusal("content")
	}
}

// plain takes text: no control characters but white space, in whatever encoding the office has.
func plain(b []byte) error {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' {
			return Refusal("content")
		}
	}
	return nil
}

// compound takes the files of Office before 2007, without macros: their directory names the storage of those in UTF-16.
func compound(b []byte) error {
	if err := begins("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")(b); err != nil {
		return err
	}
	if bytes.Contains(b, wide("_VBA_PROJECT")) {
		return Refusal("macros")
	}
	if bytes.Contains(b, wide("EncryptedPackage")) {
		return Refusal("encrypted")
	}
	return nil
}

func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// openXML takes a file of Office since 2007 that has this part.
func openXML(part string) func([]byte) error {
	return func(b []byte) error {
		if bytes.HasPrefix(b, []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")) { // what Office makes of one with a password
			return Refusal("encrypted")
		}
		names, err := directory(b)
		if err != nil {
			return err
		}
		if !names["[content_types].xml"] || !names[part] {
			return Refusal("content")
		}
		for name := range names {
			if base := path.Base(name); strings.HasPrefix(base, "vbaproject") || strings.Contains(name, "/activex/") {
				return Refusal("macros")
			}
		}
		return nil
	}
}

// openDocument takes an OpenDocument file; Of compares which.
func openDocument(b []byte) error {
	names, err := directory(b)
	if err != nil {
		return err
	}
	if !names["mimetype"] || !names["content.xml"] {
		return Refusal("content")
	}
	for name := range names {
		if strings.HasPrefix(name, "basic/") || strings.HasPrefix(name, "scripts/") {
			return Refusal("macros")
		}
	}
	return nil
}

// directory lists the names in a ZIP in lower case, and refuses one that would
// unpack to more than its reader expects. The names are counted before they are
// read, as the count in the file may lie.
func directory(b []byte) (map[string]bool, error) {
	if !bytes.HasPrefix(b, []byte("PK\x03\x04")) {
		return nil, Refusal("content")
	}
	if bytes.Count(b, []byte("PK\x01\x02")) > maxEntries {
		return nil, Refusal("bomb")
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, Refusal("content")
	}
	names := map[string]bool{}
	var packed, unpacked uint64
	for _, f := range z.File {
		if f.Flags&1 != 0 {
			return nil, Refusal("encrypted")
		}
		if f.UncompressedSize64 >= minRatio && f.UncompressedSize64/maxRatio > f.CompressedSize64 {
			return nil, Refusal("bomb")
		}
		packed += min(f.CompressedSize64, maxUnpacked)
		if unpacked += min(f.UncompressedSize64, maxUnpacked+1); unpacked > maxUnpacked || packed > uint64(len(b)) {
			return nil, Refusal("bomb")
		}
		if steps := strings.Split(strings.ReplaceAll(f.Name, `\`, "/"), "/"); slices.Contains(steps, "..") || steps[0] == "" || !utf8.ValidString(f.Name) {
			return nil, Refusal("content")
		}
		names[strings.ToLower(f.Name)] = true
	}
	return names, nil
}

// mimetype reads the first entry of an OpenDocument file, which is not packed.
func mimetype(b []byte) (string, error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return "", err
	}
	for _, f := range z.File {
		if f.Name != "mimetype" || f.Method != zip.Store || f.UncompressedSize64 > 100 {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return "", err
		}
		defer r.Close()
		s, err := io.ReadAll(io.LimitReader(r, 100))
		return strings.TrimSpace(string(s)), err
	}
	return "", errors.New("no mimetype")
}
