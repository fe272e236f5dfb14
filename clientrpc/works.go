package clientrpc

// Works tells how far the core is with what takes long.
var Works = Method[None, WorksResult]{"works"}

// Kinds of works.
const (
	WorkImport = "import"
	WorkExport = "export"
	WorkBackup = "backup"
)

// WorksResult lists what is under way, in the order in which it was begun, PageMax at most.
type WorksResult struct {
	Works []Work `json:"works"`
}

// A Work is an import, an export or a backup that some face waits for.
type Work struct {
	Kind  string `json:"kind"`  // WorkImport, WorkExport, WorkBackup
	Path  string `json:"path"`  // as it was asked for
	Done  int64  `json:"done"`  // of Total: octets of an import or a backup, messages of an export
	Total int64  `json:"total"` // 0: not known yet
}
