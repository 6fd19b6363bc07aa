import Foundation
import SharedModel
import Testing

@testable import Coordinator
@testable import Web

struct SiteTests {
    private static func read(_ folder: URL, _ name: String) throws -> String {
        try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    }

    @Test("the site shows what is kept and nothing else, with links that are relative")
    func kept() async throws {
        let sweep = try await RestingSweep(prompt: "a <circle> & \"more\"")
        try await sweep.review { book, rows in
            try await book.record(Opinion(cell: rows[1].cell, auditor: "ada", verdict: .keep))
            try await book.record(Opinion(cell: rows[2].cell, auditor: "ada", verdict: .reject))
            try await book.record(Opinion(cell: rows[3].cell, auditor: "ada", verdict: .keep))
            try await book.record(Opinion(cell: rows[3].cell, auditor: "bob", verdict: .reject))
        }
        let folder = sweep.directory.url.appending(path: "public")
        let builder = try SiteBuilder(sweep.directory)
        #expect(builder.imageCount == 1)
        try builder.write(to: folder) { _ in }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "images").path).count == 1)
        let home = try Self.read(folder, "index.html")
        #expect(home.contains("This Mathematician Does Not Exist"))
        #expect(home.contains("alt=\"a &lt;circle&gt; &amp; &quot;more&quot;\""))
        for name in ["index.html", "wall.html", "grid.html", "flaws.html"] {
            let html = try Self.read(folder, name)
            #expect(!html.contains("href=\"/") && !html.contains("src=\"/") && !html.contains("http"))
        }
        #expect(try Self.read(folder, "flaws.html").contains("1/2"))
        let data = try Self.read(folder, "data.js")
        #expect(data.hasPrefix("window.tmdne = {") && data.contains(#""places":[[0,1]]"#))
    }

    @Test("a site is made again over an earlier one, and what is no longer kept is gone")
    func again() async throws {
        let sweep = try await RestingSweep()
        let folder = sweep.directory.url.appending(path: "public")
        try await sweep.review { book, rows in
            for row in rows.prefix(2) {
                try await book.record(Opinion(cell: row.cell, auditor: "ada", verdict: .keep))
            }
            try SiteBuilder(sweep.directory).write(to: folder) { _ in }
            _ = try await book.undo(auditor: "ada")
            try SiteBuilder(sweep.directory).write(to: folder) { _ in }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: "thumbs").path).count == 1)
    }

    @Test("a folder with other files is left alone, and without a kept image there is no site")
    func refusals() async throws {
        let sweep = try await RestingSweep()
        #expect(throws: WebError.self) { try SiteBuilder(sweep.directory) }
        try await sweep.review { book, rows in
            try await book.record(Opinion(cell: rows[0].cell, auditor: "ada", verdict: .keep))
        }
        #expect(throws: WebError.self) {
            try SiteBuilder(sweep.directory).write(to: sweep.directory.url) { _ in }
        }
    }
}
