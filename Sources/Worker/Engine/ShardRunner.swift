import PNG
import SharedModel

/// Renders one shard on the engine's thread: decides what is tried, stopped, reported; the host carries it out.
struct ShardRunner {
    let lease: LeaseID
    let control: RenderControl
    /// Hands an image to the spool's thread; blocks while the one before is being written.
    let deliver: (GrantedCell, RenderedCell) throws -> Void
    let report: (RenderReport) -> Void
    /// Told at every step.
    let observe: (EngineProgress) -> Void

    /// Renders `cells` and reports each of them, unless the rendering is stopped.
    ///
    /// When the engine gives up in the middle, each cell that is still missing is tried once more by itself, so that
    /// one bad cell takes no other with it; only what fails alone counts as failed.
    func run(_ cells: [GrantedCell], model: String, on engine: any Engine) {
        guard control.permission(for: lease) == .all, !cells.isEmpty else { return }
        for fingerprint in Set(cells.map(\.cell.fingerprint)).sorted() {
            do {
                try engine.prepare(model: model, fingerprint: fingerprint)
            } catch {
                return report(.unusable(lease, .unusableModel(name: WireText.line(model, longest: 256), reason: "\(error)")))
            }
        }
        var missing = cells
        guard let reason = attempt(&missing, isLastAttempt: true, on: engine) else { return }
        guard cells.count > 1 else { return fail(missing, reason) }
        for (index, granted) in missing.enumerated() {
            var single = [granted]
            if let reason = attempt(&single, isLastAttempt: index == missing.count - 1, on: engine) {
                fail(single, reason)
            }
        }
    }

    private func fail(_ cells: [GrantedCell], _ reason: String) {
        for granted in cells { report(.failed(lease, granted.key, reason: reason)) }
    }

    /// Renders `missing` and takes out what was emitted.
    ///
    /// - Returns: Why the engine gave up, or `nil` if it did not: all is rendered, or the rendering was stopped.
    private func attempt(_ missing: inout [GrantedCell], isLastAttempt: Bool, on engine: any Engine) -> String? {
        guard control.permission(for: lease) == .all else { return nil }
        var rendered: Set<CellKey> = []
        var stopAfter: Int?
        var isStopped = false
        var hasAnnouncedEnd = false
        let cells = missing
        defer { missing.removeAll { rendered.contains($0.key) } }
        do {
            try engine.render(cells) { progress in
                control.note(lease: lease, progress: progress)
                observe(progress)
                if isLastAttempt, progress.isLastGroup, !hasAnnouncedEnd {
                    hasAnnouncedEnd = true
                    report(.onLastGroup(lease))
                }
                switch control.permission(for: lease) {
                case .all: break
                case .currentGroup:
                    stopAfter = stopAfter ?? progress.group
                    isStopped = progress.group != stopAfter
                case .none: isStopped = true
                }
                return !isStopped
            } emit: { image in
                guard let granted = cells.first(where: { $0.key == image.cell }), !rendered.contains(image.cell) else {
                    return
                }
                do {
                    try deliver(granted, image)
                } catch {
                    isStopped = true
                    throw error
                }
                rendered.insert(image.cell)
            }
        } catch {
            return isStopped ? nil : "\(error)"
        }
        // An engine that returns without an image and without an error would leave its cells undone for ever.
        guard !isStopped, rendered.count < cells.count else { return nil }
        return "The engine ended without an image; look into the worker's log."
    }
}
