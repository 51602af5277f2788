// Counts the hits in a parquet file by their patterns, as DuckDB reads it: a pattern, a tab and
// the number on each line. It checks the types of the columns and what is in them.
import { DuckDBInstance } from '@duckdb/node-api';

const db = await (await DuckDBInstance.create(':memory:')).connect();
const file = `read_parquet('${process.argv[2]}')`;
const table = await db.runAndReadAll(`SELECT * FROM ${file} LIMIT 1`);
const columns = table.columnNames();
const types = Object.fromEntries(table.columnTypes().map((type, i) => [columns[i], String(type)]));
const want = { image: 'VARCHAR', addr: 'UBIGINT', pattern: 'VARCHAR', len: 'UBIGINT', mapping: 'VARCHAR', offset: 'UBIGINT', bytes: 'BLOB', value: 'VARCHAR', module_offset: 'UBIGINT' };
for (const c in want) if (types[c] !== want[c]) throw new Error(`column ${c} is ${types[c]}, want ${want[c]}`);
const other = await db.runAndReadAll(`SELECT count(*) FROM ${file} WHERE addr <> 18446603336221196288::UBIGINT OR decode(bytes) <> 'bytes'`);
if (Number(other.getRows()[0][0]) !== 0) throw new Error('rows with other addresses or bytes');
const rows = await db.runAndReadAll(`SELECT pattern, count(*) FROM ${file} GROUP BY pattern`);
for (const [pattern, n] of rows.getRows()) console.log(`${pattern}\t${n}`);
