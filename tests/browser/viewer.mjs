export async function viewerChecks() {}
