package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"vscan/cmd/vscan/internal/cli"
	"vscan/cmd/vscan/internal/companion"
	"vscan/cmd/vscan/internal/export"
	"vscan/engine/sweep/state"
	"vscan/internal/outfile"
)

const sweepExportHelp = `export writes the results of the sweep in DIR for other programs: to the file OUT,
or, of jsonl and csv, to standard output. They are in the order of the images as
given, in an image by address, then in the order of the patterns.

jsonl has the lines that vscan find writes, and of each image its summary, and
what became of it if it is not done. csv and parquet have a row for each hit.
sqlite is a database with tables of images, patterns, hits and rules, and views
by pattern (by_pattern), by image (by_image) and with all names (found). Parquet is written
by the program vscan-parquet, which is looked for beside vscan and in PATH.`

// exportFormats are the formats in which results are written.
var exportFormats = []string{"jsonl", "csv", "parquet", "sqlite"}

// sweepExportCommand makes the command that writes the results of a sweep.
func (a *commands) sweepExportCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "export [flags] DIR --to FORMAT [OUT]",
		Short: "Write the results of a sweep for other programs",
		Long:  sweepExportHelp,
		Example: `  vscan sweep export monday --to sqlite monday.db
  vscan sweep export monday --to jsonl | jq -r 'select(.type == "hit").addr'`,
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return cli.UsageError(cmd, "want the folder of a sweep: vscan sweep export DIR --to FORMAT [OUT]")
			}
			if format == "" {
				return cli.UsageError(cmd, "want --to jsonl, csv, parquet or sqlite")
			}
			out := ""
			if len(args) == 2 {
				out = args[1]
			}
			if streams := format == "jsonl" || format == "csv"; out == "-" || out == "" && (!streams || len(args) == 2) {
				return cli.UsageError(cmd, "--to %s: want the name of a file to write: vscan sweep export DIR --to %s OUT", format, format)
			}
			return a.exportSweep(cmd.Context(), args[0], format, out)
		},
	}
	cli.ChoiceVar(cmd, &format, "to", "", "`FORMAT` to write: jsonl, csv, parquet or sqlite", exportFormats...)
	return cmd
}

// exportSweep writes the results of the sweep in a folder in a format, to a file or, where out is
// "", to standard output.
func (a *commands) exportSweep(ctx context.Context, dir, format, out string) (err error) {
	a.Begin("opening " + dir)
	infos, err := stateInfo(dir)
	if err != nil {
		return err
	}
	src, err := openSweep(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	if err := a.noteUnended(ctx, dir, src); err != nil {
		return err
	}
	a.Begin("exporting " + dir)
	if out == "" {
		if cli.IsOutput(infos...) {
			return cli.OutputError(dir)
		}
		return export.Write(ctx, src, format, a.Out)
	}
	return exportFile(ctx, src, format, out, outfile.Options{From: infos, Named: format == "sqlite", Stream: true})
}

// exportFile writes the results of a sweep to a file.
func exportFile(ctx context.Context, src state.Source, format, out string, o outfile.Options) error {
	f, err := outfile.Create(ctx, out, o)
	if err != nil {
		return err
	}
	defer f.Close()
	switch format {
	case "sqlite":
		if err = export.WriteSQLite(ctx, src, f.Temporary()); err != nil {
			err = fmt.Errorf("%s: %w", out, err)
		}
	case "parquet":
		err = companion.ToFile(out, f.OS(), func(w io.Writer) error { return export.Write(ctx, src, format, w) })
	default:
		err = export.Write(ctx, src, format, f)
	}
	if err != nil {
		return err
	}
	return f.Commit(ctx)
}
