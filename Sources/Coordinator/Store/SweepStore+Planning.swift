import Foundation
import GRDB
import NIOCore
import NIOPosix
import SharedModel

/// What opening a directory with a plan came to.
package enum Adoption: Equatable, Sendable {
    /// The directory was empty.
    case created
    /// It held this very plan.
    case resumed
    /// It held an earlier form of the sweep; of the cells that the plan shows now, `kept` are done already.
    case edited(kept: Int)
}

extension SweepStore {
    /// Makes `plan` the sweep of this database.
    ///
    /// What an edited sweep no longer shows keeps its rows and images, so that undoing the edit finds them again.
    ///
    /// - Throws: ``CoordinatorError/otherSweep(directory:found:wanted:)`` and ``CoordinatorError/badPlan(_:)``.
    func adopt(_ plan: SweepPlan, directory: String) async throws -> Adoption {
        // On a thread that may be waited for: it takes as long as a good part of the writing.
        let digesting = NIOThreadPool.singleton.runIfActive(eventLoop: MultiThreadedEventLoopGroup.singleton.any()) {
            PlanDigest.digest(of: plan)
        }
        let check = try PlanCheck(plan)
        let timestamp = timestamp
        let known = try await committer.perform { db in
            try db.row("SELECT name, plan FROM sweep").map { (name: $0["name"] as String, plan: $0["plan"] as String) }
        }
        if let known {
            guard known.name == plan.name else {
                throw CoordinatorError.otherSweep(directory: directory, found: known.name, wanted: plan.name)
            }
            if try await digesting.get() == known.plan { return .resumed }
        }
        return try await committer.performInBulk(isFirst: known == nil) { db in
            var writer = PlanWriter(db: db, plan: plan, check: check)
            try writer.write(isEdit: known != nil)
            let digest = try digesting.wait()
            try db.run(
                """
                INSERT INTO sweep
                    (id, name, source, plan, positions, cells, state, created_at, started_at, preview, preview_sha256)
                VALUES (1, :name, :source, :plan, :positions, :cells, 'running', :now, :now, :preview, :previewHash)
                ON CONFLICT (id) DO UPDATE
                SET source = :source, plan = :plan, positions = :positions, cells = :cells, preview = :preview,
                    preview_sha256 = :previewHash
                """,
                [
                    "name": plan.name, "source": plan.source, "plan": digest, "positions": plan.positions.count,
                    "cells": plan.cells.count, "now": timestamp, "preview": plan.preview?.name,
                    "previewHash": plan.preview?.fingerprint,
                ])
            guard known != nil else { return .created }
            return .edited(
                kept: try db.count("SELECT count(*) FROM cell WHERE state = 'done' AND shard IS NOT NULL"))
        }
    }

    /// The sweep's name and what shows its images before they are finished, as adopted last; `nil` before the first plan.
    func adopted() async throws -> (name: String, preview: PreviewFile?)? {
        try await committer.perform { db in
            guard let row = try db.row("SELECT name, preview, preview_sha256 FROM sweep") else { return nil }
            let (file, fingerprint): (String?, String?) = (row["preview"], row["preview_sha256"])
            guard let file, let fingerprint else { return (name: row["name"], preview: nil) }
            return (name: row["name"], preview: PreviewFile(name: file, fingerprint: fingerprint))
        }
    }
}
