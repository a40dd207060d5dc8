internal import Core
internal import HTTP
internal import Studio

/// Downloads: one artefact with ranges and validators, or all of them as a zip.
struct ArtifactsRoutes: Sendable {
    let jobs: JobService
    let time: any TimeSource

    static let archiveOutput = RouteOutput.response([
        AnswerSpec(
            status: 200, summary: "A zip of all results.",
            content: [AnswerSpec.Content(mediaType: "application/zip", schema: .string(format: "binary"))],
            fields: [.contentDisposition, .privateCache])
    ])

    /// `GET /api/v1/jobs/{id}/artifacts/{name}`
    func download(_ context: RequestContext, _ id: JobID, _ name: ArtifactName) async throws(Problem) -> Response {
        let account = try context.account()
        do {
            let artifacts = try await jobs.artifacts(of: id, account: account)
            guard let artifact = artifacts.first(where: { $0.name == name.text }) else {
                throw JobError.artifactNotFound
            }
            let file = try await jobs.open(artifact)
            let response = FileResponse(
                file: file, etag: artifact.sha256, mediaType: artifact.mediaType, fileName: artifact.name)
            return try response.answer(context.request.head, now: time.now()) { offset, count in
                try await jobs.read(file, at: offset, count: count)
            }
        } catch {
            throw Problem(mapping: error)
        }
    }

    /// `GET /api/v1/jobs/{id}/download`
    func archive(_ context: RequestContext, _ id: JobID) async throws(Problem) -> Response {
        let account = try context.account()
        do {
            let archive = try await jobs.archive(of: id, account: account)
            var response = Response(
                status: 200,
                body: .stream(length: archive.byteCount) { writer in
                    try await archive.send { bytes in try await writer.write(bytes) }
                })
            response.fields["Content-Type"] = "application/zip"
            response.fields["Content-Disposition"] = "attachment; filename=\"\(id).zip\""
            response.fields["Cache-Control"] = "private, no-cache"
            return response
        } catch {
            throw Problem(mapping: error)
        }
    }
}
