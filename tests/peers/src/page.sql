WITH hit AS MATERIALIZED (
    SELECT id FROM asset WHERE ST_Intersects(geom, ST_MakeEnvelope($1, $2, $3, $4, 4490))
), page AS MATERIALIZED (
    SELECT id FROM hit WHERE id > $5 ORDER BY id LIMIT $6
)
SELECT '{"type":"FeatureCollection","numberMatched":' || (SELECT count(*) FROM hit)
    || ',"numberReturned":' || (SELECT count(*) FROM page)
    || ',"features":[' || coalesce((SELECT string_agg(concat(
        '{"type":"Feature","id":"asset.', id, '","geometry":', ST_AsGeoJSON(geom, 9, 0),
        ',"properties":{"code":', to_json(code), ',"material":', to_json(material), ',"diameter_mm":', diameter_mm,
        ',"built_year":', built_year, ',"cover_m":', cover_m, '}}'), ',')
        FROM (SELECT asset.* FROM page JOIN asset USING (id) ORDER BY id) AS item), '') || ']}'
