import Foundation
import GRDB
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
        let check = try PlanCheck(plan)
        let digest = PlanDigest.digest(of: plan)
        let timestamp = timestamp
        return try await committer.perform { db in
            let known = try db.row("SELECT name, plan FROM sweep")
            if let known {
                guard known["name"] == plan.name else {
                    throw CoordinatorError.otherSweep(directory: directory, found: known["name"], wanted: plan.name)
                }
                if known["plan"] == digest { return .resumed }
            }
            try db.run(
                """
                INSERT INTO sweep (id, name, source, plan, positions, cells, state, created_at, started_at)
                VALUES (1, :name, :source, :plan, :positions, :cells, 'running', :now, :now)
                ON CONFLICT (id) DO UPDATE
                SET source = :source, plan = :plan, positions = :positions, cells = :cells
                """,
                [
                    "name": plan.name, "source": plan.source, "plan": digest, "positions": plan.positions.count,
                    "cells": plan.cells.count, "now": timestamp,
                ])
            var writer = PlanWriter(db: db, plan: plan, check: check)
            try writer.write(isEdit: known != nil)
            guard known != nil else { return .created }
            return .edited(
                kept: try db.count("SELECT count(*) FROM cell WHERE state = 'done' AND shard IS NOT NULL"))
        }
    }

    /// The sweep's name and file as adopted last, or `nil` before the first plan.
    func adopted() async throws -> (name: String, source: String)? {
        try await committer.perform { db in
            try db.row("SELECT name, source FROM sweep").map { ($0["name"], $0["source"]) }
        }
    }
}

/// Writes a plan's rows, each kind with one prepared statement.
private struct PlanWriter {
    let db: Database
    let plan: SweepPlan
    let check: PlanCheck
    /// By their bytes: strings are equal when they look alike, however their accents are encoded.
    private var phrases: [[UInt8]: Int64] = [:]
    private var decimals: [Decimal: String] = [:]
    private var optionTexts: [RenderOptions: String] = [:]

    init(db: Database, plan: SweepPlan, check: PlanCheck) {
        self.db = db
        self.plan = plan
        self.check = check
    }

    mutating func write(isEdit: Bool) throws {
        var known: [String: Int64] = [:]
        if isEdit {
            for row in try db.rows("SELECT key, id FROM cell") { known[row["key"]] = row["id"] }
            try db.run("UPDATE cell SET shard = NULL WHERE shard IS NOT NULL")
            try db.run("DELETE FROM position")
        }
        let firstShard = Int64(try db.count("SELECT coalesce(max(id) + 1, 0) FROM shard"))
        try writeShards(from: firstShard)
        let ids = try writeCells(known: known, firstShard: firstShard)
        try writePositions(cells: ids)
    }

    private func writeShards(from first: Int64) throws {
        let insert = try db.makeStatement(sql: "INSERT INTO shard (id, cells) VALUES (?, ?)")
        for (offset, shard) in plan.shards.enumerated() {
            try write(insert, [first + Int64(offset), shard.cells.count])
        }
    }

    /// - Returns: The row id of each cell of the plan, in the plan's order.
    private mutating func writeCells(known: [String: Int64], firstShard: Int64) throws -> [Int64] {
        let insert = try db.makeStatement(
            sql: """
                INSERT INTO cell (id, key, fingerprint, prompt, negative_prompt, guidance, seed, steps, sampler,
                    width, height, options, shard, rank, position)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        let update = try db.makeStatement(sql: "UPDATE cell SET shard = ?, rank = ?, position = ? WHERE id = ?")
        var next = Int64(try db.count("SELECT coalesce(max(id) + 1, 1) FROM cell"))
        var ids = [Int64](repeating: 0, count: plan.cells.count)
        // In the order of their keys: with a million cells the index of the keys is larger than the cache, and to fill it at
        // random would write each of its pages many times.
        for index in plan.cells.indices.sorted(by: { plan.cells[$0].key < plan.cells[$1].key }) {
            let (planned, place) = (plan.cells[index], check.places[index])
            let shard = firstShard + Int64(place.shard)
            if let id = known[planned.key.hex] {
                try write(update, [shard, place.rank, planned.firstPosition, id])
                ids[index] = id
                continue
            }
            let cell = planned.cell
            try write(
                insert,
                [
                    next, planned.key.hex, try phrase(cell.fingerprint), try phrase(cell.prompt),
                    try phrase(cell.negativePrompt), text(cell.guidance), "\(cell.seed)", cell.steps,
                    cell.sampler.rawValue, cell.width, cell.height, text(cell.options), shard, place.rank,
                    planned.firstPosition,
                ])
            ids[index] = next
            next += 1
        }
        return ids
    }

    private mutating func writePositions(cells ids: [Int64]) throws {
        let insert = try db.makeStatement(
            sql: """
                INSERT INTO position (id, cell, model, prompt, negative_prompt, style, guidance, seed, steps, sampler,
                    width, height, files)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """)
        for position in plan.positions {
            let cell = check.cellIndex[position.cell].map { ids[$0] }
            try write(
                insert,
                [
                    position.index, cell, try phrase(position.model), try phrase(position.prompt),
                    try phrase(position.negativePrompt), try phrase(position.style), text(position.guidance),
                    "\(position.seed)", position.steps, position.sampler.rawValue, position.width, position.height,
                    try StoredOptions.text(ofFiles: position.files),
                ])
        }
    }

    /// The plan has been checked and the statements are ours, so that their arguments need no second look.
    private func write(_ statement: Statement, _ arguments: StatementArguments) throws {
        statement.setUncheckedArguments(arguments)
        try statement.execute()
    }

    /// Writing a decimal out takes longer than looking it up, and a sweep has few.
    private mutating func text(_ guidance: Decimal) -> String {
        if let text = decimals[guidance] { return text }
        let text = guidance.description
        decimals[guidance] = text
        return text
    }

    private mutating func text(_ options: RenderOptions) -> String {
        if let text = optionTexts[options] { return text }
        let text = StoredOptions.text(of: options)
        optionTexts[options] = text
        return text
    }

    private mutating func phrase(_ text: String) throws -> Int64 {
        let bytes = Array(text.utf8)
        if let id = phrases[bytes] { return id }
        try db.run("INSERT INTO phrase (text) VALUES (?) ON CONFLICT DO NOTHING", [text])
        let id = Int64(try db.count("SELECT id FROM phrase WHERE text = ?", [text]))
        phrases[bytes] = id
        return id
    }
}
