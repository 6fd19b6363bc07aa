import SharedModel

/// Renders one shard on the engine's thread: decides what is tried, stopped and reported; the host carries it out.
struct ShardRunner {
    let lease: LeaseID
    let model: String
    /// What shows the images before they are finished.
    let preview: PreviewFile?
    let control: RenderControl
    /// Outlives the shard.
    let record: EngineRecord
    /// Hands an image to the spool's thread; blocks while the one before is being written.
    let deliver: (GrantedCell, RenderedCell) throws -> Void
    let report: (RenderReport) -> Void
    /// Told at every step.
    let observe: (EngineProgress) -> Void

    /// Renders `cells` and reports each of them, unless the rendering is stopped.
    ///
    /// When the engine gives up in the middle, each cell that is still missing is tried once more by itself, so that
    /// one bad cell takes no other with it; only what fails alone counts as failed. When all of them fail and
    /// ``EngineRecord`` blames the host, none counts as failed, and the host is reported as unusable.
    func run(_ cells: [GrantedCell], on engine: any Engine) {
        guard let first = cells.first, control.permission(for: lease) == .all else { return }
        guard cells.allSatisfy({ $0.cell.fingerprint == first.cell.fingerprint }) else {
            return fail(cells, "The shard mixes several models; plan the sweep again with this version of tmdne.")
        }
        do {
            try engine.prepare(model: model, for: first)
        } catch {
            // Who is told to stop while a model is being fetched has not failed.
            guard control.permission(for: lease) == .all else { return }
            if let error = error as? WorkerError { return report(.unusable(lease, error)) }
            let name = WireText.line(model, longest: 256)
            return report(.unusable(lease, .unusableModel(name: name, reason: "\(error)")))
        }
        do {
            try engine.showPreviews(with: preview)
        } catch {
            guard control.permission(for: lease) == .all else { return }
            report(.trouble("Images are rendered without previews: \(error)"))
        }
        let sound = cells.filter { $0.cell.key == $0.key }
        fail(
            cells.filter { $0.cell.key != $0.key },
            "The cell's key does not belong to its content; use the same tmdne on this host as on the coordinator's.")
        guard !sound.isEmpty else { return }
        let (missing, reason) = attempt(sound, isLast: true, on: engine)
        guard let reason else { return }
        guard sound.count > 1 else { return conclude([(sound[0], reason)], of: sound) }
        var failures: [(cell: GrantedCell, reason: String)] = []
        for (index, granted) in missing.enumerated() {
            let (missing, reason) = attempt([granted], isLast: index == missing.count - 1, on: engine)
            if let reason { failures += missing.map { ($0, reason) } }
        }
        conclude(failures, of: sound)
    }

    /// Tells bad cells from a bad host.
    private func conclude(_ failures: [(cell: GrantedCell, reason: String)], of cells: [GrantedCell]) {
        if failures.count == cells.count, let last = failures.last,
            record.blamesHost(forBarrenShardOf: failures.count)
        {
            let name = WireText.line(model, longest: 256)
            let reason = "the engine fails for every cell, the last time because: \(last.reason)"
            return report(.unusable(lease, .unusableModel(name: name, reason: reason)))
        }
        for failure in failures { fail([failure.cell], failure.reason) }
    }

    private func fail(_ cells: [GrantedCell], _ reason: String) {
        for granted in cells { report(.failed(lease, granted.key, reason: reason)) }
    }

    /// Renders `cells` until the engine is through, gives up, or is stopped.
    ///
    /// - Parameters:
    ///   - cells: What to render.
    ///   - isLast: Whether the shard is done when these cells are.
    ///   - engine: What renders.
    /// - Returns: What was not rendered, and why the engine gave up; `nil` if it did not.
    private func attempt(
        _ cells: [GrantedCell], isLast: Bool, on engine: any Engine
    ) -> (missing: [GrantedCell], reason: String?) {
        guard control.permission(for: lease) == .all else { return (cells, nil) }
        var missing = cells
        var lastGroup: Int?
        var isStopped = false
        var isOnLastGroup = false
        do {
            try engine.render(cells) { step in
                var progress = step
                progress.preview = nil
                if let preview = step.preview { report(.previewed(preview)) }
                control.note(lease: lease, progress: progress)
                observe(progress)
                if isLast, progress.isLastGroup, !isOnLastGroup {
                    isOnLastGroup = true
                    report(.onLastGroup(lease))
                }
                switch control.permission(for: lease) {
                case .all: break
                case .currentGroup:
                    lastGroup = lastGroup ?? progress.group
                    isStopped = progress.group != lastGroup
                case .none: isStopped = true
                }
                return !isStopped
            } emit: { image in
                guard let index = missing.firstIndex(where: { $0.key == image.cell }) else { return }
                do {
                    try deliver(missing[index], image)
                } catch {
                    isStopped = true
                    throw error
                }
                missing.remove(at: index)
                record.noteImage()
            }
        } catch {
            return (missing, isStopped ? nil : "\(error)")
        }
        // An engine that returns without an image and without an error would leave its cells undone for ever.
        guard !isStopped, !missing.isEmpty else { return (missing, nil) }
        return (missing, "The engine ended without an image of the cell; try it on another host.")
    }
}
