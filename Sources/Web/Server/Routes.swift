import Coordinator
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import PNG
import SharedModel

/// What is at which address.
struct Routes: Sendable {
    /// Longest body of a request: an opinion with its note.
    static let longestBody = 64 * 1024

    let desk: SweepDesk
    let watcher: SweepWatcher
    let shelf: GridShelf
    let sweep: String
    private let reader: SweepReader
    private let pictures: Pictures
    private let pages: PageMaker
    private let onVisit: @Sendable () -> Void

    /// Blocks for a moment.
    ///
    /// - Parameters:
    ///   - desk: The sweep.
    ///   - reader: Of its database.
    ///   - watcher: What tells of changes.
    ///   - onVisit: Called when a page was asked for.
    /// - Throws: ``CoordinatorError`` when the database can't be read, ``WebError`` when a template is damaged.
    init(
        desk: SweepDesk, reader: SweepReader, watcher: SweepWatcher, onVisit: @escaping @Sendable () -> Void
    ) throws {
        self.onVisit = onVisit
        self.desk = desk
        self.reader = reader
        self.watcher = watcher
        sweep = try reader.sweep().name
        shelf = GridShelf(reader, sweep: sweep)
        pictures = Pictures(directory: desk.directory)
        pages = try PageMaker()
    }

    func router(_ access: Access) -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: Gatekeeper(access: access))
        addPages(to: router)
        addSignIn(to: router, access)
        addPictures(to: router)
        addSweep(to: router)
        addEvents(to: router, access)
        addAudit(to: router)
        return router
    }

    /// Reads off the cooperative pool.
    func read<Value: Sendable>(_ body: @escaping @Sendable (SweepReader) throws -> Value) async throws -> Value {
        let reader = reader
        return try await NIOThreadPool.singleton.runIfActive { try body(reader) }
    }

    private func addPages(to router: Router<BasicRequestContext>) {
        for page in PageMaker.Page.allCases where page != .login {
            router.get(RouterPath(page.path)) { _, _ in
                onVisit()
                return Response.html(try pages.html(page, sweep: sweep))
            }
        }
        router.get("/static/:name") { request, context in
            let name = context.parameters.get("name") ?? ""
            guard let file = Assets.files[name] else { throw WebError.notFound("There is no file \(name) here.") }
            // Asked for again each time, but sent only when the program is another one.
            let tag = "\"\(Program.version)-\(file.bytes.count)\""
            var response = Response.bytes(Data(file.bytes), type: file.type, cache: "private, no-cache")
            if request.headers[.ifNoneMatch] == tag { response = Response(status: .notModified) }
            response.headers[.eTag] = tag
            return response
        }
    }

    private func addSignIn(to router: Router<BasicRequestContext>, _ access: Access) {
        router.get("/login") { _, _ in Response.html(try pages.html(.login, sweep: "tmdne")) }
        router.post("/login") { request, context in
            struct Form: Decodable {
                var token: String
            }
            let form = try await Self.decode(Form.self, request)
            switch try await access.sessions.answer(to: form.token, now: Date()) {
            case .refused(let sentence):
                // Slows guessing down; the secret has 256 bits, so this is for the log of the host.
                context.logger.warning("a token was shown to the pages that does not open them")
                try await Task.sleep(for: .seconds(1))
                return Response.json(error: sentence, status: .forbidden)
            case .welcome(let session):
                var response = try Response.json(["path": "/"])
                response.setCookie(access.cookie.holding(session))
                return response
            }
        }
    }

    private func addPictures(to router: Router<BasicRequestContext>) {
        router.get("/thumbs/:position") { _, context in
            let (sha256, pictures) = (try await sha256(context), pictures)
            let data = try await NIOThreadPool.singleton.runIfActive { try pictures.thumbnail(sha256: sha256) }
            return Response.bytes(data, type: "image/webp", cache: Response.immutable)
        }
        router.get("/pictures/:position") { _, context in
            let (sha256, pictures) = (try await sha256(context), pictures)
            let data = try await NIOThreadPool.singleton.runIfActive { try pictures.png(sha256: sha256) }
            return Response.bytes(data, type: "image/png", cache: Response.immutable)
        }
        router.get("/previews/:number") { _, context in
            let number = Int(context.parameters.get("number") ?? "") ?? 0
            guard let preview = await desk.server?.preview(number: number) else {
                throw WebError.notFound("That image is finished, or shown further on; reload the page.")
            }
            let png = try PNGImage(width: preview.width, height: preview.height, pixels: preview.pixels).encode()
            return Response.bytes(Data(png), type: "image/png", cache: "private, no-store")
        }
    }

    private func addSweep(to router: Router<BasicRequestContext>) {
        router.get("/api/grid") { _, _ in Response.json(data: try await shelf.take().data) }
        router.get("/api/marks") { _, _ in try Response.json(try await watcher.list()) }
        router.get("/api/status") { _, _ in
            try Response.json(StatusAnswer(status: try await status(), isServed: desk.server != nil))
        }
        router.get("/api/series") { _, _ in
            try Response.json(SeriesAnswer(try await read { try $0.renderedImages(limit: SeriesAnswer.longest) }))
        }
        router.get("/api/measures") { _, _ in
            let (measures, readings) = try await read { (try $0.measures(), try $0.readings()) }
            return try Response.json(
                MeasuresAnswer(measures, readings, positions: try await shelf.take().grid.positions))
        }
        router.get("/api/positions/:position") { _, context in
            let position = try position(context)
            let found = try await read { reader in
                try reader.row(position).map { ($0, try reader.opinions(on: $0.cell).map(\.opinion)) }
            }
            guard let (row, opinions) = found else { throw Self.noPosition(position) }
            return try Response.json(PositionAnswer(row: row, opinions: opinions))
        }
        router.post("/api/control") { request, _ in
            try await control(try await Self.decode(ControlRequest.self, request).action)
            return try Response.json(["done": true])
        }
    }

    private func addEvents(to router: Router<BasicRequestContext>, _ access: Access) {
        router.get("/api/events") { request, _ in
            guard let events = await watcher.events() else {
                return Response.json(
                    error: "Too many pages are open; close some of them.", status: .serviceUnavailable)
            }
            return Response(
                status: .ok, headers: [.contentType: "text/event-stream"],
                body: ResponseBody { writer in
                    for await event in events {
                        // Whose token has ended meanwhile is told nothing more.
                        guard await access.isSignedIn(request) else { break }
                        try await writer.write(event)
                    }
                    try await writer.finish(nil)
                })
        }
    }

    private func status() async throws -> SweepStatus {
        if let server = desk.server { return try await server.status() }
        return try await read { try $0.status() }
    }

    private func control(_ action: ControlRequest.Action) async throws {
        guard let server = desk.server else {
            throw WebError.request("No coordinator serves this sweep now; start one with `tmdne resume`.")
        }
        switch action {
        case .pause: await server.pause()
        case .resume: await server.resume()
        case .drain: await server.drain()
        case .retry: _ = try await server.retryFailed()
        }
    }

    func position(_ context: BasicRequestContext) throws(WebError) -> Int {
        let text = context.parameters.get("position") ?? ""
        guard let position = Int(text) else { throw .request("“\(text)” is no position; give a number.") }
        return position
    }

    static func noPosition(_ position: Int) -> WebError {
        .notFound("The grid has no position \(position); reload the page.")
    }

    private func sha256(_ context: BasicRequestContext) async throws -> String {
        let position = try position(context)
        guard let mark = try await read({ try $0.mark(position) }) else { throw Self.noPosition(position) }
        guard let sha256 = mark.sha256 else {
            throw WebError.notFound("Position \(position) has no image yet; it is \(mark.state.rawValue).")
        }
        return sha256
    }

    /// Reads a body of JSON.
    static func decode<Value: Decodable>(_ type: Value.Type, _ request: Request) async throws -> Value {
        let body = try await request.body.collect(upTo: longestBody)
        do {
            return try JSONDecoder().decode(type, from: Data(body.readableBytesView))
        } catch {
            throw WebError.request("The request is not what this version of the page sends; reload it.")
        }
    }
}
