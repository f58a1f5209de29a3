package filetype

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

type entry struct {
	name, content string
	method        uint16
}

func pack(t *testing.T, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, e := range entries {
		f, err := z.CreateHeader(&zip.FileHeader{Name: e.name, Method: e.method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func docx(t *testing.T, more ...entry) []byte {
	return pack(t, append([]entry{{"[Content_Types].xml", "<Types/>", zip.Deflate}, {"word/document.xml", "<w/>", zip.Deflate}}, more...)...)
}

func odt(t *testing.T, media string) []byte {
	return pack(t, entry{"mimetype", media, zip.Store}, entry{"content.xml", "<x/>", zip.Deflate})
}

const ole = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

func TestAFileIsWhatItsNameAndItsContentSay(t *testing.T) {
	for name, c := range map[string]struct {
		file  []byte
		media string
	}{
		"smlouva.PDF":   {[]byte("%PDF-1.7\n"), "application/pdf"},
		"zpráva.docx":   {docx(t), "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		"rozpočet.xlsx": {pack(t, entry{"[Content_Types].xml", "", 0}, entry{"xl/workbook.xml", "", 0}), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
		"text.odt":      {odt(t, "application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text"},
		"tabulka.ods":   {odt(t, "application/vnd.oasis.opendocument.spreadsheet"), "application/vnd.oasis.opendocument.spreadsheet"},
		"starý.doc":     {[]byte(ole + "zbytek"), "application/msword"},
		"plán.png":      {[]byte("\x89PNG\r\n\x1a\n…"), "image/png"},
		"foto.jpeg":     {[]byte("\xff\xd8\xff\xe0"), "image/jpeg"},
		"sken.tif":      {[]byte("II*\x00"), "image/tiff"},
		"data.csv":      {[]byte("MZ;částka\r\nTurnov;1\r\n"), "text/csv"},
		"pozn.txt":      {[]byte("p\xf8\xedloha ve Windows-1250"), "text/plain"},
	} {
		if media, err := Of(name, c.file); err != nil || media != c.media {
			t.Errorf("%s: %q, %v; want %q", name, media, err, c.media)
		}
	}
	for _, ext := range Extensions() {
		if _, ok := kinds[ext]; !ok {
			t.Errorf("%s is offered and not known", ext)
		}
	}
	if len(Extensions()) != len(kinds) {
		t.Error("a kind that is taken is not offered")
	}
}

func TestHostileFilesAreRefusedByWhatTheyAre(t *testing.T) {
	var many []entry
	for i := range maxEntries + 1 {
		many = append(many, entry{fmt.Sprint("word/", i), "", zip.Store})
	}
	locked := docx(t)
	for _, magic := range []string{"PK\x01\x02", "PK\x03\x04"} { // the bit that says encrypted, in directory and header
		for at := 0; ; {
			i := bytes.Index(locked[at:], []byte(magic))
			if i < 0 {
				break
			}
			flags := at + i + map[string]int{"PK\x01\x02": 8, "PK\x03\x04": 6}[magic]
			locked[flags] |= 1
			at += i + 4
		}
	}
	for _, c := range []struct {
		what, name string
		file       []byte
		why        Refusal
	}{
		{"nothing", "a.pdf", nil, "empty"},
		{"a program", "setup.exe", []byte("MZ\x90\x00\x03\x00"), "program"},
		{"a program called PDF", "faktura.pdf", []byte("MZ\x90\x00\x03\x00"), "program"},
		{"a program for Linux called PNG", "foto.png", []byte("\x7fELF\x02"), "program"},
		{"a script called TXT", "návod.txt", []byte("#!/bin/sh\nrm -rf ~\n"), "program"},
		{"a shortcut", "plán.pdf", []byte("L\x00\x00\x00\x01\x14\x02\x00"), "program"},
		{"a batch file", "spust.bat", []byte("del *\r\n"), "extension"},
		{"an archive", "vše.zip", docx(t), "extension"},
		{"no extension", "smlouva", []byte("%PDF-1.7"), "extension"},
		{"a page", "a.html", []byte("ahoj"), "page"},
		{"a page called TXT", "a.txt", []byte("  <!DOCTYPE html><script>alert(1)</script>"), "page"},
		{"a page called CSV", "a.csv", []byte("<script>alert(1)</script>"), "page"},
		{"SVG", "logo.svg", []byte("<svg/>"), "page"},
		{"SVG called PNG", "logo.png", []byte("\xef\xbb\xbf<?xml version=\"1.0\"?><svg onload=\"alert(1)\"/>"), "page"},
		{"SVG called TXT", "logo.txt", []byte("\n<SVG onload=alert(1)>"), "page"},
		{"a PNG called PDF", "a.pdf", []byte("\x89PNG\r\n\x1a\n"), "content"},
		{"binary called CSV", "a.csv", []byte("a;b\x00c"), "content"},
		{"a ZIP of something else called DOCX", "a.docx", pack(t, entry{"a.txt", "x", zip.Store}), "content"},
		{"a spreadsheet called DOCX", "a.docx", pack(t, entry{"[Content_Types].xml", "", 0}, entry{"xl/workbook.xml", "", 0}), "content"},
		{"an ODS called ODT", "a.odt", odt(t, "application/vnd.oasis.opendocument.spreadsheet"), "content"},
		{"half a DOCX", "a.docx", docx(t)[:60], "content"},
		{"names that lead out", "a.docx", docx(t, entry{"../../etc/passwd", "x", zip.Store}), "content"},
		{"macros", "a.docx", docx(t, entry{"word/vbaProject.bin", "x", zip.Store}), "macros"},
		{"macros of an old file", "a.xls", append([]byte(ole), wide("_VBA_PROJECT_CUR")...), "macros"},
		{"a password", "a.docx", append([]byte(ole), wide("EncryptedPackage")...), "encrypted"},
		{"a password of a ZIP", "a.docx", locked, "encrypted"},
		{"a bomb", "a.docx", docx(t, entry{"word/media/x", strings.Repeat("\x00", 8<<20), zip.Deflate}), "bomb"},
		{"too many names", "a.docx", docx(t, many...), "bomb"},
	} {
		_, err := Of(c.name, c.file)
		if why, ok := errors.AsType[Refusal](err); !ok || why != c.why {
			t.Errorf("%s: %v, want %q", c.what, err, c.why)
		}
	}
}

// A bomb costs what its directory costs, whatever it would unpack to.
func TestABombIsNotUnpacked(t *testing.T) {
	bomb := docx(t, entry{"word/media/x", strings.Repeat("\x00", 64<<20), zip.Deflate})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Of("a.docx", bomb)
	runtime.ReadMemStats(&after)
	if cost := after.TotalAlloc - before.TotalAlloc; err == nil || cost > 1<<20 {
		t.Errorf("a bomb is answered with %v and takes %d bytes", err, cost)
	}
}

func TestANameIsOneThatEverySystemCanSave(t *testing.T) {
	for in, want := range map[string]string{
		"Příloha č. 1.pdf":                    "Příloha č. 1.pdf",
		`C:\Users\eva\smlouva.docx`:           "smlouva.docx",
		"../../etc/cron.d/x.txt":              "x.txt",
		"a\x00b\r\nc.pdf":                     "ab c.pdf",
		"faktura\u202efdp.exe":                "fakturafdp.exe",
		"Pr\u030ci\u0301loha.pdf":             "P\u0159\u00edloha.pdf",
		"  ..skryty.txt. ":                    "skryty.txt",
		`kde? "tady" <x>.csv`:                 "kde_ _tady_ _x_.csv",
		"CON.txt":                             "_CON.txt",
		"\xff\xfe.pdf":                        "pdf",
		"":                                    "",
		"...":                                 "",
		"složka/":                             "",
		"a." + strings.Repeat("x", MaxName+5): "",
	} {
		if got := Clean(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	long := Clean(strings.Repeat("dlouhý název ", 40) + ".pdf")
	if utf8.RuneCountInString(long) > MaxName || !strings.HasSuffix(long, ".pdf") {
		t.Errorf("a long name becomes %q", long)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("Příloha.pdf")
	f.Add("a/../b\\c:\u202e.txt")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if Clean(got) != got {
			t.Errorf("%q becomes %q and then %q", s, got, Clean(got))
		}
		if !utf8.ValidString(got) || strings.ContainsAny(got, "/\\\x00\r\n") || utf8.RuneCountInString(got) > MaxName+1 || strings.HasPrefix(got, ".") {
			t.Errorf("%q becomes %q", s, got)
		}
	})
}
