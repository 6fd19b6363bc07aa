import Crypto
import Foundation
import SharedModel

/// Tells two plans apart without keeping them.
enum PlanDigest {
    /// SHA-256, 64 lower-case hexadecimal digits, of everything that the plan shows, renders and grants.
    static func digest(of plan: SweepPlan) -> String {
        var hash = SHA256()
        func add(_ fields: String...) {
            // The lengths keep neighbouring fields apart.
            for field in fields { hash.update(data: Data("\(field.utf8.count):\(field)".utf8)) }
        }
        add(plan.name, plan.source)
        for position in plan.positions {
            add(
                "position", "\(position.index)", position.cell.hex, position.model, position.prompt,
                position.negativePrompt, position.style, "\(position.guidance)", "\(position.seed)",
                "\(position.steps)", position.sampler.rawValue, "\(position.width)", "\(position.height)")
        }
        for cell in plan.cells { add("cell", cell.key.hex, "\(cell.firstPosition)") }
        for shard in plan.shards {
            add("shard")
            for key in shard.cells { add(key.hex) }
        }
        return Hexadecimal.encode(hash.finalize())
    }
}
