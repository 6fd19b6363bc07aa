import Foundation
import FoundationNetworking
import SharedModel
import Testing

@testable import Coordinator
@testable import Web

@Suite(.timeLimit(.minutes(1)))
struct WebServiceTests {
    /// Serves a resting sweep on a free port while `body` runs.
    private static func serve(
        _ sweep: RestingSweep, _ body: @Sendable (Browser) async throws -> Void
    ) async throws {
        try await sweep.serve { address in try await body(Browser(base: try #require(address.urls.first))) }
    }

    @Test(
        "every page is HTML that names the sweep safely and forbids what pages do not need",
        arguments: [
            "", "grid", "images", "audit", "heat",
        ])
    func pages(path: String) async throws {
        try await Self.serve(RestingSweep()) { browser in
            let answer = try await browser.get(path)
            #expect(answer.status == 200)
            #expect(answer.text.contains("small &amp; &lt;quick&gt;"))
            #expect(answer.headers["Content-Type"] == "text/html; charset=utf-8")
            let policy = try #require(answer.headers["Content-Security-Policy"])
            #expect(policy.contains("default-src 'none'") && !policy.contains("unsafe"))
            #expect(answer.headers["X-Content-Type-Options"] == "nosniff")
        }
    }

    @Test("every file that a page or a script names is there", arguments: Assets.files.keys.sorted())
    func files(name: String) async throws {
        try await Self.serve(RestingSweep()) { browser in
            let answer = try await browser.get("static/\(name)")
            #expect(answer.status == 200 && !answer.data.isEmpty)
            for line in answer.text.split(separator: "\n") where line.hasPrefix("import ") {
                let module = try #require(line.split(separator: "\"").dropFirst().first)
                #expect(Assets.files[String(module.dropFirst(2))] != nil)
            }
        }
    }

    @Test("the grid, its marks, pictures and thumbnails are served")
    func grid() async throws {
        try await Self.serve(RestingSweep()) { browser in
            let grid = try await browser.get("api/grid").text
            #expect(grid.contains(#""values":["none","photo"]"#) && grid.contains(#""positions":6"#))
            let marks = try await browser.get("api/marks").text
            #expect(marks.contains(#""states":"dddddl""#))
            let picture = try await browser.get("pictures/1?00000f01")
            #expect(picture.data.starts(with: [0x89, 0x50, 0x4E, 0x47]))
            #expect(picture.headers["Cache-Control"]?.contains("immutable") == true)
            let thumbnail = try await browser.get("thumbs/1")
            #expect(
                thumbnail.data.starts(with: Array("RIFF".utf8)) && thumbnail.headers["Content-Type"] == "image/webp")
            #expect(try await browser.get("pictures/5").status == 404)
            #expect(try await browser.get("pictures/99").status == 404)
            #expect(try await browser.get("thumbs/-1").status == 404)
            #expect(try await browser.get("previews/1").status == 404)
            #expect(try await browser.get("previews/x").status == 404)
            #expect(try await browser.get("api/positions/x").status == 400)
            #expect(try await browser.get("api/positions/0").text.contains(#""prompt":"a circle""#))
            #expect(try await browser.get("nothing/here").status == 404)
        }
    }

    @Test("a verdict is written down, counted in the map of flaws, and taken back")
    func audit() async throws {
        try await Self.serve(RestingSweep()) { browser in
            let body = #"{"position":1,"auditor":"ada","verdict":"reject","tags":["fingers"],"note":"six"}"#
            let answer = try await browser.send("POST", "api/opinions", body)
            #expect(answer.status == 200)
            #expect(try await browser.get("api/opinions?auditor=ada").text.contains(#""note":"six""#))
            let flaws = try await browser.get("api/flaws?rows=style&columns=guidance&tag=fingers").text
            #expect(flaws.contains(#""flawed":1"#))
            #expect(try await browser.get("api/auditors").text.contains(#""judged":1"#))
            #expect(try await browser.send("DELETE", "api/opinions?auditor=ada").text == #"{"position":1}"#)
            #expect(try await browser.get("api/opinions?auditor=ada").text == "[]")
        }
    }

    @Test(
        "what no page sends is answered with a sentence",
        arguments: [
            ("POST", "api/opinions", "{"), ("POST", "api/opinions", "{}"),
            ("POST", "api/opinions", #"{"position":5,"auditor":"ada","verdict":"keep","tags":[],"note":""}"#),
            ("POST", "api/opinions", #"{"position":1,"auditor":"","verdict":"keep","tags":[],"note":""}"#),
            ("POST", "api/control", #"{"action":"pause"}"#), ("GET", "api/flaws?rows=colour", ""),
            ("GET", "api/flaws?tag=x", ""), ("GET", "api/opinions", ""),
        ])
    func badRequests(method: String, path: String, body: String) async throws {
        try await Self.serve(RestingSweep()) { browser in
            let answer = try await browser.send(method, path, body.isEmpty ? nil : body)
            #expect(answer.status == 400)
            #expect(answer.text.hasPrefix(#"{"error":""#))
        }
    }

    @Test("a change that another site sends is refused")
    func otherSites() async throws {
        try await Self.serve(RestingSweep()) { browser in
            let body = #"{"position":1,"auditor":"ada","verdict":"keep","tags":[],"note":""}"#
            for origin in ["http://evil.example", nil] {
                let answer = try await browser.send("POST", "api/opinions", body, origin: origin)
                #expect(answer.status == 403)
            }
            #expect(try await browser.get("api/opinions?auditor=ada").text == "[]")
        }
    }

    @Test("images are measured from the first look at a page on, not before")
    func firstLook() async throws {
        try await Self.serve(RestingSweep()) { browser in
            // As long as it takes otherwise to measure all five, many times over.
            try await Task.sleep(for: .seconds(1))
            #expect(try await !browser.isMeasured)
            #expect(try await browser.get("").status == 200)
            for _ in 0..<300 {
                if try await browser.isMeasured { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(try await browser.isMeasured)
        }
    }

    @Test("images are measured and their thumbnails made while nobody looks")
    func curator() async throws {
        let sweep = try await RestingSweep()
        let reviewed = try ReviewedDirectory(sweep.directory)
        var curator = try Curator(sweep.directory, reviews: reviewed.reviews)
        #expect(try await curator.catchUp() == (measured: 5, read: 0))
        #expect(try await curator.catchUp() == (measured: 0, read: 0))
        let rows = try SweepReader(sweep.directory).rows()
        #expect(rows.map { $0.measures != nil } == [true, true, true, true, true, false])
        let pictures = Pictures(directory: sweep.directory)
        #expect(rows.compactMap(\.sha256).allSatisfy(pictures.hasThumbnail))
        await reviewed.close()
    }
}

/// Sends requests as a page would.
private struct Browser: Sendable {
    struct Answer {
        let status: Int
        let headers: [String: String]
        let data: Data
        var text: String { String(decoding: data, as: UTF8.self) }
    }

    let base: String

    func get(_ path: String) async throws -> Answer {
        try await send("GET", path)
    }

    /// Whether an image has been measured.
    var isMeasured: Bool {
        get async throws {
            struct Measures: Decodable { let sharpness: [Double?] }
            let measures = try JSONDecoder().decode(Measures.self, from: try await get("api/measures").data)
            return measures.sharpness.contains { $0 != nil }
        }
    }

    func send(_ method: String, _ path: String, _ body: String? = nil) async throws -> Answer {
        try await send(method, path, body, origin: method == "GET" ? nil : String(base.dropLast()))
    }

    func send(_ method: String, _ path: String, _ body: String?, origin: String?) async throws -> Answer {
        var request = URLRequest(url: try #require(URL(string: base + path)))
        request.httpMethod = method
        request.httpBody = body.map { Data($0.utf8) }
        request.httpShouldHandleCookies = false
        request.setValue(origin, forHTTPHeaderField: "Origin")
        let session = URLSession(configuration: .ephemeral, delegate: NoRedirects(), delegateQueue: nil)
        defer { session.finishTasksAndInvalidate() }
        let (data, response) = try await session.data(for: request)
        let answer = try #require(response as? HTTPURLResponse)
        let headers = answer.allHeaderFields.reduce(into: [String: String]()) { headers, field in
            headers["\(field.key)"] = "\(field.value)"
        }
        return Answer(status: answer.statusCode, headers: headers, data: data)
    }
}

private final class NoRedirects: NSObject, URLSessionTaskDelegate {
    func urlSession(
        _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
        newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
    ) {
        completionHandler(nil)
    }
}
