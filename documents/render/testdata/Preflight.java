import java.io.File;
import org.apache.pdfbox.preflight.PreflightDocument;
import org.apache.pdfbox.preflight.ValidationResult;
import org.apache.pdfbox.preflight.parser.PreflightParser;

/** Prints what Apache Preflight (PDF/A-1b) finds wrong with each file; nothing means valid. */
public class Preflight {
    public static void main(String[] args) throws Exception {
        for (String name : args) {
            PreflightParser parser = new PreflightParser(new File(name));
            parser.parse();
            try (PreflightDocument document = parser.getPreflightDocument()) {
                document.validate();
                ValidationResult result = document.getResult();
                for (ValidationResult.ValidationError e : result.getErrorsList()) {
                    System.out.println(name + ": " + e.getErrorCode() + " " + e.getDetails());
                }
            }
        }
    }
}
