package edge

import (
	"path"
	"strings"
)

// binary is the media type of a file of which nothing is known.
const binary = "application/octet-stream"

// mediaTypeOf returns the value of Content-Type for a file of this name. Nothing is guessed
// from what is in it: what a user has uploaded would then decide how it is taken.
func mediaTypeOf(name string) string {
	if t, ok := mediaTypes[strings.ToLower(path.Ext(name))]; ok {
		return t
	}
	return binary
}

// mediaTypes are by the ending of the file's name. They are those of Go's mime, without the
// tables of the machine it runs on, which differ, and what else websites are made of.
//
// https://pkg.go.dev/mime#TypeByExtension
var mediaTypes = map[string]string{
	// Text.
	".atom":  "application/atom+xml",
	".css":   "text/css; charset=utf-8",
	".csv":   "text/csv; charset=utf-8",
	".htm":   "text/html; charset=utf-8",
	".html":  "text/html; charset=utf-8",
	".ics":   "text/calendar; charset=utf-8",
	".log":   "text/plain; charset=utf-8",
	".md":    "text/markdown; charset=utf-8",
	".rss":   "application/rss+xml",
	".shtml": "text/html; charset=utf-8",
	".text":  "text/plain; charset=utf-8",
	".txt":   "text/plain; charset=utf-8",
	".vcf":   "text/vcard; charset=utf-8",
	".vtt":   "text/vtt; charset=utf-8",
	".xht":   "application/xhtml+xml",
	".xhtml": "application/xhtml+xml",
	".xml":   "text/xml; charset=utf-8",
	".xsl":   "text/xml; charset=utf-8",
	".yaml":  "application/yaml",
	".yml":   "application/yaml",

	// Scripts and their data.
	".geojson":     "application/geo+json",
	".js":          "text/javascript; charset=utf-8",
	".json":        "application/json",
	".jsonld":      "application/ld+json",
	".map":         "application/json",
	".mjs":         "text/javascript; charset=utf-8",
	".wasm":        "application/wasm",
	".webmanifest": "application/manifest+json",

	// Images.
	".apng": "image/apng",
	".avif": "image/avif",
	".bmp":  "image/bmp",
	".cur":  "image/vnd.microsoft.icon",
	".gif":  "image/gif",
	".heic": "image/heic",
	".ico":  "image/vnd.microsoft.icon",
	".jfif": "image/jpeg",
	".jpeg": "image/jpeg",
	".jpg":  "image/jpeg",
	".jxl":  "image/jxl",
	".png":  "image/png",
	".svg":  "image/svg+xml",
	".tif":  "image/tiff",
	".tiff": "image/tiff",
	".webp": "image/webp",

	// Fonts.
	".eot":   "application/vnd.ms-fontobject",
	".otf":   "font/otf",
	".ttc":   "font/collection",
	".ttf":   "font/ttf",
	".woff":  "font/woff",
	".woff2": "font/woff2",

	// Sound and film.
	".aac":  "audio/aac",
	".flac": "audio/flac",
	".m3u8": "application/vnd.apple.mpegurl",
	".m4a":  "audio/mp4",
	".m4v":  "video/mp4",
	".mkv":  "video/matroska",
	".mov":  "video/quicktime",
	".mp3":  "audio/mpeg",
	".mp4":  "video/mp4",
	".mpd":  "application/dash+xml",
	".mpeg": "video/mpeg",
	".oga":  "audio/ogg",
	".ogg":  "audio/ogg",
	".ogv":  "video/ogg",
	".opus": "audio/ogg",
	".ts":   "video/mp2t",
	".wav":  "audio/wav",
	".webm": "video/webm",

	// Documents and archives.
	".7z":   "application/x-7z-compressed",
	".doc":  "application/msword",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".epub": "application/epub+zip",
	".gz":   "application/gzip",
	".odp":  "application/vnd.oasis.opendocument.presentation",
	".ods":  "application/vnd.oasis.opendocument.spreadsheet",
	".odt":  "application/vnd.oasis.opendocument.text",
	".pdf":  "application/pdf",
	".ppt":  "application/vnd.ms-powerpoint",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".ps":   "application/postscript",
	".rtf":  "application/rtf",
	".tar":  "application/x-tar",
	".xls":  "application/vnd.ms-excel",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".zip":  "application/zip",
	".zst":  "application/zstd",
}
