// Writes the rows of a csv file as DuckDB reads them by default, as JSON: the
// header, then an array of strings for each row.
import { DuckDBInstance } from '@duckdb/node-api';

const db = await (await DuckDBInstance.create(':memory:')).connect();
const table = await db.runAndReadAll(`SELECT * FROM read_csv('${process.argv[2]}')`);
const columns = table.columnNames();
const types = table.columnTypes().map(String);
// What is written with 0x is a number to DuckDB, and the right one.
const hex = { key: '0x%02x' };
for (const c of ['addr', 'first', 'last', 'src', 'dst', 'src_offset', 'dst_offset']) hex[c] = '0x%x';
const cell = (c, i) => hex[c] && types[i] === 'BIGINT' ? `printf('${hex[c]}', ${c})` : `"${c}"::VARCHAR`;
const rows = await db.runAndReadAll(`SELECT ${columns.map(cell).join(', ')} FROM read_csv('${process.argv[2]}')`);
console.log(JSON.stringify([columns, ...rows.getRows().map(row => row.map(v => v ?? ''))]));
