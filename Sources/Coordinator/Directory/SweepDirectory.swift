package import Foundation
import Glibc

/// Where a sweep lives on disk.
package struct SweepDirectory: Equatable, Sendable {
    package let url: URL

    package init(_ url: URL) {
        self.url = url.standardizedFileURL
    }

    /// `sweep.db`: everything but the images.
    package var database: URL { url.appending(path: "sweep.db") }
    /// `sweep.yaml`: the sweep file as it was started last.
    package var source: URL { url.appending(path: "sweep.yaml") }
    /// `images/<2 hex>/<sha256>.png`: by content.
    package var images: URL { url.appending(path: "images") }
    /// `incoming/`: uploads that are not whole yet.
    package var incoming: URL { url.appending(path: "incoming") }
    /// `join.secret`: what lets workers in, kept so that they come back after a restart. Mode 0600.
    package var secret: URL { url.appending(path: "join.secret") }
    /// `tls.pem`: the key that workers know the coordinator by. Mode 0600.
    package var tls: URL { url.appending(path: "tls.pem") }
    /// `web.pem`: the key and the certificate of the pages beyond this host. Mode 0600.
    package var webIdentity: URL { url.appending(path: "web.pem") }
    /// `tokens/`: what is known of each join token; no secrets.
    package var tokenFolder: URL { url.appending(path: "tokens") }
    /// `listening.json`: where the coordinator listened last.
    package var listening: URL { url.appending(path: "listening.json") }
    /// `coordinator.lock`: held, and its text true, while a coordinator runs.
    package var lock: URL { url.appending(path: "coordinator.lock") }
    /// `set-aside/`: damaged and unknown files that a repair moved out of `images/`; nothing reads them.
    package var setAside: URL { url.appending(path: "set-aside") }
    /// `requests/`: what people ask of a running coordinator.
    package var requests: URL { url.appending(path: "requests") }

    /// Whether a coordinator has been started here before. An empty file is no database, whatever emptied it.
    package var holdsSweep: Bool {
        var information = stat()
        return stat(database.path, &information) == 0 && information.st_size > 0
    }

    /// What SQLite is told to open for reading: on a medium that can't be written it reads only what is declared immutable,
    /// unless somebody's log or journal lies beside it, or a coordinator serves it by another path.
    var readableDatabase: String {
        let file = database.resolvingSymlinksInPath()
        var medium = statvfs()
        var log = stat()
        let isLogged = stat(file.path + "-wal", &log) == 0 && log.st_size > 0
        guard statvfs(file.path, &medium) == 0, Int32(truncatingIfNeeded: medium.f_flag) & Int32(ST_RDONLY) != 0,
            !isLogged, access(file.path + "-shm", F_OK) != 0, access(file.path + "-journal", F_OK) != 0,
            (try? DirectoryLock.isHeld(in: self)) == false
        else { return database.path }
        return file.absoluteString + "?immutable=1"
    }

    /// Names below `images/`, which may be a link to another disk.
    var imageNames: some Sequence<String> {
        let names = FileManager.default.enumerator(atPath: images.resolvingSymlinksInPath().path)
        return IteratorSequence(AnyIterator { names?.nextObject() as? String })
    }

    /// Whether any image has been stored here.
    var holdsImages: Bool { imageNames.contains { $0.hasSuffix(".png") } }

    /// Path of an image inside the directory, from its SHA-256 in hexadecimal.
    package static func imagePath(sha256: String) -> String {
        "images/\(sha256.prefix(2))/\(sha256).png"
    }

    /// - Throws: ``CoordinatorError`` when the directory can't be made.
    func create() throws {
        for folder in [url, images, incoming, requests] { try DurableFile.makeDirectory(folder.path) }
    }
}
