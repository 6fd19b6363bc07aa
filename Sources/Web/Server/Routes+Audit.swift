import Coordinator
import Foundation
import Hummingbird
import SharedModel

extension Routes {
    /// Verdicts, and what they add up to.
    func addAudit(to router: Router<BasicRequestContext>) {
        router.get("/api/opinions") { request, _ in
            guard let auditor = Query(request)["auditor"] else {
                throw WebError.request("Say whose opinions are wanted; add ?auditor=NAME.")
            }
            let opinions = try await read { try $0.opinions(of: auditor) }
            return try Response.json(opinions.map(OpinionAnswer.init))
        }
        router.post("/api/opinions") { request, _ in
            let wanted = try await Self.decode(OpinionRequest.self, request)
            guard let row = try await read({ try $0.row(wanted.position) }) else {
                throw Self.noPosition(wanted.position)
            }
            do {
                try await desk.reviews.record(
                    Opinion(
                        cell: row.cell, auditor: wanted.auditor, verdict: wanted.verdict, tags: wanted.tags,
                        note: wanted.note))
            } catch let error as CoordinatorError {
                throw WebError.request(error.description)
            }
            return try Response.json(["done": true])
        }
        router.delete("/api/opinions") { request, _ in
            guard let auditor = Query(request)["auditor"] else {
                throw WebError.request("Say whose opinion is taken back; add ?auditor=NAME.")
            }
            let cell = try await desk.reviews.undo(auditor: auditor)
            let position = try await read { reader in try cell.flatMap { try reader.position(of: $0) } }
            return try Response.json(["position": position])
        }
        router.get("/api/auditors") { _, _ in
            try Response.json(AuditorsAnswer(try await read { try $0.opinions() }))
        }
        router.get("/api/flaws") { request, _ in
            let query = Query(request)
            let (rows, columns) = (try query.axis("rows", .style), try query.axis("columns", .guidance))
            let filter = FlawMap.Filter(auditor: query["auditor"], tag: try query.tag("tag"))
            let opinions = try await read { try $0.opinions() }
            let grid = try await shelf.take().grid
            return try Response.json(
                FlawAnswer(FlawMap(grid, opinions, rows: rows, columns: columns, filter: filter)))
        }
    }
}
